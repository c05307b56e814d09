import type { components as Auth, paths as AuthPaths } from "../../generated/auth";
import type { components as Catalog, paths as CatalogPaths } from "../../generated/catalog";
import type { components as Installer, paths as InstallerPaths } from "../../generated/installer";
import type { components as Notifier, paths as NotifierPaths } from "../../generated/notifier";

/** The four services' routes; they share one origin, and no path belongs to two. */
export type Paths = AuthPaths & CatalogPaths & InstallerPaths & NotifierPaths;

type A = Auth["schemas"];
type C = Catalog["schemas"];
type I = Installer["schemas"];
type N = Notifier["schemas"];

export type User = A["User"];
export type OpenSession = A["OpenSession"];
export type LoginOptions = A["LoginOptions"];
export type ProviderRow = A["ProviderRow"];
export type ArrivalView = A["ArrivalView"];
export type ProductAccountRow = A["ProductAccountRow"];
export type SessionRow = A["SessionRow"];
export type PersonalTokenRow = A["PersonalTokenRow"];
export type SecurityRow = A["SecurityRow"];
export type SecurityKind = A["SecurityKind"];
export type Enrolling = A["Enrolling"];
export type WorkspaceView = A["WorkspaceView"];
export type MemberRow = A["MemberRow"];
export type InviteRow = A["InviteRow"];
export type Role = A["Role"];
export type TokenScope = A["NewToken"]["scopes"][number];
export type AccountDeletion = A["services__auth__accounts__views__DeletionEffects"];
export type AddOn = C["AddOn"];
export type AddOnDetail = C["AddOnDetail"];
export type Category = C["Category"];
export type Preflight = I["Preflight"];
export type Row = I["Row"];
export type Next = I["Next"];
export type Action = I["Action"];
export type Blocker = I["Blocker"];
export type Installation = I["InstallationView"];
export type InstallationDetail = I["InstallationDetail"];
export type TimelineEntry = I["TimelineEntry"];
export type Side = I["Side"];
export type FailureReason = I["FailureReason"];
export type WaitingFor = I["WaitingFor"];
export type State = I["State"];
export type Notice = N["Notice"];
export type Site = N["Site"];
