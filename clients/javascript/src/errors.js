/**
 * Errors as classes: one for each code of the server, and four that arise here.
 *
 * @typedef {{ code: string, message?: string, request_id?: string | null, details?: any, retry_after?: number | null }} ErrorLike
 */

/** What every refused or failed request throws. `code` is stable; `message` is for people. */
export class MolvaError extends Error {
  /** @param {ErrorLike} told */
  constructor({ code, message, request_id, details, retry_after }) {
    super(message ?? code);
    this.name = new.target.name;
    this.code = code;
    this.requestId = request_id ?? null;
    this.details = details ?? null;
    /** Seconds until a retry may help, or null. */
    this.retryAfter = retry_after ?? null;
  }

  /** Why the state forbids it, of a conflict. */
  get reason() {
    return /** @type {string | null} */ (this.details?.reason ?? null);
  }
}

export class UnauthorizedError extends MolvaError {}
export class TokenExpiredError extends MolvaError {}
export class SessionRevokedError extends MolvaError {}
export class ForbiddenError extends MolvaError {}
export class NotFoundError extends MolvaError {
  /** The field of the request whose thing was not found. */
  get field() {
    return /** @type {string | null} */ (this.details?.field ?? null);
  }
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

/** @type {Record<string, typeof MolvaError>} */
const CLASSES = {
  unauthorized: UnauthorizedError,
  token_expired: TokenExpiredError,
  session_revoked: SessionRevokedError,
  forbidden: ForbiddenError,
  not_found: NotFoundError,
  conflict: ConflictError,
  validation_failed: ValidationError,
  payload_too_large: PayloadTooLargeError,
  rate_limited: RateLimitedError,
  unavailable: UnavailableError,
  unknown_action: UnknownActionError,
  internal: InternalError,
  offline: OfflineError,
  unanswered: UnansweredError,
  aborted: AbortedError,
  signed_out: SignedOutError,
};

/**
 * The error of a code. A code of a newer server is a plain MolvaError.
 *
 * @param {ErrorLike} told
 */
export function errorOf(told) {
  return new (CLASSES[told.code] ?? MolvaError)(told);
}

/**
 * Whatever was thrown, as a MolvaError.
 *
 * @param {unknown} thrown
 */
export function asMolvaError(thrown) {
  if (thrown instanceof MolvaError) return thrown;
  const error = errorOf({ code: "internal", message: thrown instanceof Error ? thrown.message : String(thrown) });
  error.cause = thrown;
  return error;
}

/**
 * Whether the answer is unknown or there was none: the same request may be sent again.
 *
 * @param {unknown} thrown
 */
export const isUnanswered = (thrown) => thrown instanceof OfflineError || thrown instanceof UnansweredError;

/**
 * Whether the same request may succeed after a wait.
 *
 * @param {unknown} thrown
 * @returns {thrown is RateLimitedError | UnavailableError}
 */
export const isTemporary = (thrown) => thrown instanceof RateLimitedError || thrown instanceof UnavailableError;
