import type { Kysely } from 'kysely'
import type { z } from 'zod'
import type { DB } from '../core/database/schema.ts'
import type { CallMetadata } from '../core/enrollment/command.ts'
import type { EnrollInOrder } from '../core/enrollment/ordered-pipeline.ts'
import type { Policy } from '../core/policy.ts'
import type { TrackedPage } from '../core/tracked.ts'
import type { WebhookSettings } from '../core/webhook/webhook.ts'

/** What a handler works with: the caller's context, checked and completed. */
export interface Call {
  /** The pool, or the transaction that the call has joined. */
  readonly db: Kysely<DB>
  readonly metadata: CallMetadata
  readonly policy: Policy
  readonly webhooks: WebhookSettings
  /** The pipeline of batches that this one belongs to. */
  readonly pipeline?: EnrollInOrder | undefined
}

/**
 * One procedure of the typed API. The in-process caller and the tRPC router are both derived from it, so that neither has
 * anything of its own.
 */
export interface Operation<
  T extends 'query' | 'mutation' = 'query' | 'mutation',
  S extends z.ZodType = z.ZodType,
  O = unknown,
> {
  readonly type: T
  readonly input: S
  /** What the handler answers. For tools, documentation and tests: an answer of ours is not looked at a second time. */
  readonly output: z.ZodType<O>
  /** Gets the input as the schema leaves it. */
  readonly handler: (call: Call, input: z.output<S>) => Promise<O>
}

/** What the handler of a subscription works with. */
export interface SubscriptionCall extends Call {
  /** The pool. */
  readonly db: Kysely<DB>
  /** Is aborted when nobody listens any more. */
  readonly signal: AbortSignal
}

/** A procedure that goes on answering, e.g. `events.watch`. */
export interface Subscription<S extends z.ZodType = z.ZodType, O = unknown> {
  readonly type: 'subscription'
  readonly input: S
  /** Each of the things that come. */
  readonly output: z.ZodType<O>
  /** The first page says where it begins; it may have no items. Ends at once when the signal is aborted. */
  readonly handler: (call: SubscriptionCall, input: z.output<S>) => AsyncGenerator<TrackedPage<O>, void, void>
}

/** Any subscription: its handler takes what its own schema gives. */
export type AnySubscription = Omit<Subscription, 'handler'> & {
  readonly handler: (call: SubscriptionCall, input: never) => AsyncGenerator<TrackedPage<unknown>, void, void>
}

/** Operations by group and name: `{ enrollment: { enroll, … }, … }`. */
export type OperationTable = Readonly<Record<string, Readonly<Record<string, AnyOperation | AnySubscription>>>>

/** Any operation: its handler takes what its own schema gives. */
export type AnyOperation = Omit<Operation, 'handler'> & {
  readonly handler: (call: Call, input: never) => Promise<unknown>
}

type Parts<T extends 'query' | 'mutation', S extends z.ZodType, O> = Omit<Operation<T, S, O>, 'type'>

/** An operation that reads. */
export function query<S extends z.ZodType, O>(parts: Parts<'query', S, O>): Operation<'query', S, O> {
  return { type: 'query', ...parts }
}

/** An operation that changes something. */
export function mutation<S extends z.ZodType, O>(parts: Parts<'mutation', S, O>): Operation<'mutation', S, O> {
  return { type: 'mutation', ...parts }
}

/** An operation that goes on answering. */
export function subscription<S extends z.ZodType, O>(parts: Omit<Subscription<S, O>, 'type'>): Subscription<S, O> {
  return { type: 'subscription', ...parts }
}
