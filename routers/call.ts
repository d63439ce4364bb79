import { getTRPCErrorFromUnknown, TRPCError } from '@trpc/server'
import type { ControlledTransaction, Kysely, Transaction } from 'kysely'
import { adoptDatabase, type AdoptedDatabase } from '../core/database/adopt.ts'
import type { DB } from '../core/database/schema.ts'
import type { Actor, CallMetadata, Via } from '../core/enrollment/command.ts'
import type { EnrollInOrder } from '../core/enrollment/ordered-pipeline.ts'
import { defaultPolicy, type Policy } from '../core/policy.ts'
import type { WebhookSettings } from '../core/webhook/webhook.ts'
import { isStorableText } from '../core/text.ts'
import { inputErrorOf } from './bounded-input.ts'
import { toTRPCError } from './errors.ts'
import type { AnyOperation, AnySubscription, Call } from './operation.ts'

/** Where calls may be reported; pino fits. */
export interface Logger {
  debug(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** What a caller brings along (rpc §1). Nothing from HTTP is in it. */
export interface Context {
  /** The pool, or a transaction: then everything happens inside it, on its connection. */
  readonly db: Kysely<DB>
  readonly actor: Actor
  readonly log?: Logger | undefined
  readonly requestId?: string | undefined
  /** Fixes the clock. */
  readonly now?: (() => Date) | undefined
  /** What the site decides; the defaults are those of the server without settings. */
  readonly policy?: Policy | undefined
  /** Without it no endpoint of webhooks can be made (events.md §3). */
  readonly webhooks?: WebhookSettings | undefined
}

/** The same with any Kysely over `pg` whose database has our tables, with tables, plugins and type parsers of its own. */
export interface ForeignContext<Tables extends DB = DB> extends Omit<Context, 'db'> {
  readonly db: ForeignDatabase<Tables>
}

/** Each class by its name: TypeScript finds out `Tables` then, whichever of them it is given. */
export type ForeignDatabase<Tables extends DB> = Kysely<Tables> | Transaction<Tables> | ControlledTransaction<Tables>

/** A context with its database adopted, and the API through which calls come. */
export interface CallContext extends Omit<Context, 'db'> {
  readonly database: AdoptedDatabase
  readonly via: Via
  /** The pipeline of batches that the calls belong to. */
  readonly pipeline?: EnrollInOrder | undefined
}

/** @throws {TypeError} for a database that cannot work. */
export function callContextOf<Tables extends DB>({ db, ...context }: ForeignContext<Tables>, via: Via): CallContext {
  return { ...context, database: adoptDatabase(db), via }
}

/**
 * Carries out an operation: refuses a call without an actor, parses its input, gives it its metadata and its policy, turns
 * errors of the domain into tRPC's and reports the time taken.
 *
 * @param path its name, e.g. `enrollment.enroll`.
 * @param input as the caller gave it.
 * @throws {TRPCError}; the reason of the signal as it is.
 */
export async function callOperation(
  operation: AnyOperation,
  context: CallContext,
  path: string,
  input: unknown,
  { signal }: CallOptions = {},
): Promise<unknown> {
  const started = performance.now()
  try {
    const metadata = metadataOf(context)
    const output = await run(operation, context, { metadata, input: parsed(operation, input), signal })
    report(operation, context, path, started, true)
    return output
  } catch (cause) {
    report(operation, context, path, started, false)
    throw thrownOf(cause, operation, context, path, signal)
  }
}

/** Runs the handler on the database of the context. */
function run(
  { handler }: AnyOperation,
  { database, pipeline, policy = defaultPolicy, webhooks = NO_WEBHOOKS }: CallContext,
  { metadata, input, signal }: Begun,
): Promise<unknown> {
  return database.run(
    (db, cancellation) => {
      metadata.cancellation = cancellation
      return handler({ db, policy, webhooks, pipeline, metadata }, input as never) // The schema of the operation has read the input.
    },
    { signal },
  )
}

interface Begun {
  readonly metadata: Mutable<CallMetadata>
  /** As the schema leaves it. */
  readonly input: unknown
  readonly signal: AbortSignal | undefined
}

type ReportedOperation = Pick<AnyOperation | AnySubscription, 'type'>

function report(
  { type }: ReportedOperation,
  { log, now }: CallContext,
  path: string,
  started: number,
  ok: boolean,
): void {
  if (log === undefined) return
  const milliseconds = Number((performance.now() - started).toFixed(3))
  log.debug({ path, type, ok, milliseconds, at: now?.() ?? new Date() }, 'procedure called')
}

/** The error of tRPC for whatever was thrown; the reason of the signal as it is. */
function thrownOf(
  cause: unknown,
  { type }: ReportedOperation,
  { log }: CallContext,
  path: string,
  signal: AbortSignal | undefined,
): unknown {
  if (signal?.aborted === true && cause === signal.reason) return cause
  const error = toTRPCError(getTRPCErrorFromUnknown(cause))
  if (error.code === 'INTERNAL_SERVER_ERROR') log?.error({ path, type, err: error.cause }, 'procedure failed')
  return error
}

/** What a call may have beside its input. */
export interface CallOptions {
  /** Gives the call up: it stops waiting, and work that has not reached the database is not done. */
  readonly signal?: AbortSignal | undefined
}

/** Tells the log about what takes its time, and throws its errors as {@link callOperation} does. */
export async function reported<T>(
  operation: ReportedOperation,
  context: CallContext,
  path: string,
  work: () => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  const started = performance.now()
  try {
    const output = await work()
    report(operation, context, path, started, true)
    return output
  } catch (cause) {
    report(operation, context, path, started, false)
    throw thrownOf(cause, operation, context, path, signal)
  }
}

/** @throws {TRPCError} BAD_REQUEST */
export function parsed({ input: schema }: Pick<AnyOperation, 'input'>, input: unknown): unknown {
  const result = schema.safeParse(input)
  if (result.success) return result.data
  throw new TRPCError({ code: 'BAD_REQUEST', cause: inputErrorOf(result.error) })
}

/**
 * What the handler of a call gets beside its database.
 *
 * @throws {TRPCError} as {@link metadataOf}.
 */
export function callOf(context: CallContext): Omit<Call, 'db'> {
  const { policy = defaultPolicy, webhooks = NO_WEBHOOKS } = context
  return { metadata: metadataOf(context), policy, webhooks }
}

const NO_WEBHOOKS: WebhookSettings = { secretKeys: [], allowedNetworks: [] }

/** @throws {TRPCError} UNAUTHORIZED without an actor, BAD_REQUEST for a request id that cannot be kept. */
function metadataOf({ actor, requestId, via, now }: CallContext): Mutable<CallMetadata> {
  if (!isActor(actor)) {
    throw new TRPCError({ code: 'UNAUTHORIZED', message: 'Each call needs an actor with a kind and a name.' })
  }
  if (requestId !== undefined && !isRequestId(requestId)) {
    throw new TRPCError({ code: 'BAD_REQUEST', message: 'The requestId is no text of at most 255 characters.' })
  }
  const { kind, name } = actor
  return { actor: { kind, name }, via, now: now?.() ?? new Date(), requestId, cancellation: undefined }
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

function isRequestId(text: string): boolean {
  return text.length <= 255 && isStorableText(text)
}

/** Looked at with each call, and not when a caller is made: what comes from outside of TypeScript may be anything. */
function isActor(actor: unknown): actor is Actor {
  if (typeof actor !== 'object' || actor === null) return false
  const { kind, name } = actor as { kind?: unknown; name?: unknown }
  if (kind !== 'service' && kind !== 'user' && kind !== 'system') return false
  return typeof name === 'string' && name.length <= 255 && name.trim() !== '' && isStorableText(name)
}
