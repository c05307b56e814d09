import { useSearch } from "wouter-preact";

/** The query of the address, as it stands there: the router's own is decoded already, and would be so twice. */
export function useAsked(): URLSearchParams {
  useSearch(); // looks again whenever it changes
  return new URLSearchParams(location.search);
}
