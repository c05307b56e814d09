/** Asking, doing, and following. */
export * from "./action";
export * from "./asked";
export * from "./heard";
export * from "./live";
export * from "./now";
export * from "./pages";
export * from "./query";
