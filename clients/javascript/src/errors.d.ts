// The types of errors.js.

export interface ErrorLike {
  code: string;
  message?: string;
  request_id?: string | null;
  details?: any;
  retry_after?: number | null;
}

/** What every refused or failed request throws. `code` is stable; `message` is for people. */
export class MolvaError extends Error {
  constructor(told: ErrorLike);
  code: string;
  requestId: string | null;
  details: any;
  /** Seconds until a retry may help, or null. */
  retryAfter: number | null;
  /** Why the state forbids it, of a conflict. */
  get reason(): string | null;
}

export class UnauthorizedError extends MolvaError {}
export class TokenExpiredError extends MolvaError {}
export class SessionRevokedError extends MolvaError {}
export class ForbiddenError extends MolvaError {}
export class NotFoundError extends MolvaError {
  /** The field of the request whose thing was not found. */
  get field(): string | null;
}
export class ConflictError extends MolvaError {}
export class ValidationError extends MolvaError {}
export class PayloadTooLargeError extends MolvaError {}
export class RateLimitedError extends MolvaError {}
export class UnavailableError extends MolvaError {}
export class UnknownActionError extends MolvaError {}
export class InternalError extends MolvaError {}
/** There is no connection, and none came in time. Nothing was done. */
export class OfflineError extends MolvaError {}
/** The connection ended before the answer came. It may have been done. */
export class UnansweredError extends MolvaError {}
/** The caller called it off. */
export class AbortedError extends MolvaError {}
/** Nobody is signed in, or not any more. */
export class SignedOutError extends MolvaError {}

/** The error of a code. A code of a newer server is a plain MolvaError. */
export function errorOf(told: ErrorLike): MolvaError;
/** Whatever was thrown, as a MolvaError. */
export function asMolvaError(thrown: unknown): MolvaError;
/** Whether the answer is unknown or there was none: the same request may be sent again. */
export function isUnanswered(thrown: unknown): boolean;
/** Whether the same request may succeed after a wait. */
export function isTemporary(thrown: unknown): thrown is RateLimitedError | UnavailableError;
