import {
  getTRPCErrorFromUnknown,
  initTRPC,
  TRPCError,
  type TRPCMutationProcedure,
  type TRPCQueryProcedure,
} from '@trpc/server'
import type { Kysely } from 'kysely'
import { ZodError, type z } from 'zod'
import type { DB } from '../core/database/schema.ts'
import type { Actor, Stamp, Via } from '../core/enrollment/command.ts'
import type { EnrollInOrder } from '../core/enrollment/in-order.ts'
import { defaultPolicy, type Policy } from '../core/policy.ts'
import { isStorableText } from '../core/text.ts'
import { enrollmentErrorFrom, toTRPCError } from './errors.ts'

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
}

/** The context with the door through which it came. */
export interface RouterContext extends Context {
  readonly via: Via
  /** The line of batches that this one belongs to. */
  readonly line?: EnrollInOrder | undefined
}

const t = initTRPC.context<RouterContext>().create({
  isDev: false,
  errorFormatter({ shape, error }) {
    const domain = enrollmentErrorFrom(error)
    const issues = error.cause instanceof ZodError ? { issues: error.cause.issues } : {}
    const reason = domain === undefined ? {} : { reason: domain.code, details: domain.details }
    return { ...shape, data: { ...shape.data, ...issues, ...reason } }
  },
})

export const { router } = t

/** What a procedure works with: the context, checked, with the stamp of its call and the policy of the site. */
export interface Call extends RouterContext {
  readonly stamp: Stamp
  readonly policy: Policy
}

type ErrorShape = (typeof t)['_config']['$types']['errorShape']

interface ProcedureTypes<S extends z.ZodType, O> {
  input: z.input<S>
  output: O
  meta: object
  errorShape: ErrorShape
}

/** A procedure that reads. `work` gets the input as `schema` leaves it. */
export function query<S extends z.ZodType, O>(
  schema: S,
  work: (call: Call, input: z.output<S>) => Promise<O>,
): TRPCQueryProcedure<ProcedureTypes<S, O>> {
  const direct: Direct = (ctx, path, input) => carryOut({ ctx, path, input }, 'query', schema, work)
  return Object.assign(t.procedure.query(resolverOf(direct)), { [DIRECT]: direct }) as never
}

/** A procedure that changes something. `work` gets the input as `schema` leaves it. */
export function mutation<S extends z.ZodType, O>(
  schema: S,
  work: (call: Call, input: z.output<S>) => Promise<O>,
): TRPCMutationProcedure<ProcedureTypes<S, O>> {
  const direct: Direct = (ctx, path, input) => carryOut({ ctx, path, input }, 'mutation', schema, work)
  return Object.assign(t.procedure.mutation(resolverOf(direct)), { [DIRECT]: direct }) as never
}

/** What is under a procedure: the caller of this process reaches it past tRPC, whose way there costs more than the call. */
export const DIRECT = Symbol('direct')
export type Direct = (ctx: RouterContext, path: string, input: unknown) => Promise<unknown>

/** On a function of the in-process caller: the context that its calls have. */
export const CONTEXT = Symbol('context')

function resolverOf(direct: Direct) {
  return async (options: { ctx: RouterContext; path: string }) => {
    // tRPC hands it to resolvers as it does to middlewares; its types tell only the latter.
    const { getRawInput } = options as unknown as { getRawInput: () => Promise<unknown> }
    return direct(options.ctx, options.path, await getRawInput())
  }
}

/**
 * What every procedure does: refuses a call without an actor, parses its input, gives it its stamp and its policy, turns
 * errors of the domain into tRPC's and reports the time taken.
 *
 * All of it happens in the resolver: each middleware of tRPC copies options and context anew, which would cost a call as
 * much as its share of a database round. So the types of a procedure are given by hand, in `query` and `mutation` alone.
 */
async function carryOut<S extends z.ZodType, O>(
  { ctx, path, input: raw }: { ctx: RouterContext; path: string; input: unknown },
  type: 'query' | 'mutation',
  schema: S,
  work: (call: Call, input: z.output<S>) => Promise<O>,
): Promise<O> {
  const started = performance.now()
  const stamp = stampOf(ctx)
  const report = (ok: boolean) => {
    if (ctx.log === undefined) return
    const milliseconds = Number((performance.now() - started).toFixed(3))
    ctx.log.debug({ path, type, ok, milliseconds, at: stamp.now }, 'procedure called')
  }
  try {
    const output = await work({ ...ctx, stamp, policy: ctx.policy ?? defaultPolicy }, parse(schema, raw))
    report(true)
    return output
  } catch (cause) {
    report(false)
    const error = toTRPCError(getTRPCErrorFromUnknown(cause))
    if (error.code === 'INTERNAL_SERVER_ERROR') ctx.log?.error({ path, type, err: error.cause }, 'procedure failed')
    throw error
  }
}

function parse<S extends z.ZodType>(schema: S, raw: unknown): z.output<S> {
  const parsed = schema.safeParse(raw)
  if (parsed.success) return parsed.data
  throw new TRPCError({ code: 'BAD_REQUEST', cause: parsed.error })
}

function stampOf(ctx: RouterContext): Stamp {
  if (!isActor(ctx.actor)) {
    throw new TRPCError({ code: 'UNAUTHORIZED', message: 'Each call needs an actor with a kind and a name.' })
  }
  if (ctx.requestId !== undefined && !isRequestId(ctx.requestId)) {
    throw new TRPCError({ code: 'BAD_REQUEST', message: 'The requestId is no text of at most 255 characters.' })
  }
  const { kind, name } = ctx.actor
  return { actor: { kind, name }, via: ctx.via, now: ctx.now?.() ?? new Date(), requestId: ctx.requestId }
}

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
