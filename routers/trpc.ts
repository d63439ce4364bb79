import { initTRPC, TRPCError } from '@trpc/server'
import type { Kysely } from 'kysely'
import { z, ZodError } from 'zod'
import { instantFromDate } from '../core/database/instant.ts'
import type { DB } from '../core/database/schema.ts'
import type { Actor, Stamp, Via } from '../core/enrollment/command.ts'
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

export const { router, createCallerFactory } = t

/**
 * What every procedure stands on: refuses a call without an actor, gives the procedure its stamp and its policy, turns
 * errors of the domain into tRPC's and reports the time taken.
 */
export const procedure = t.procedure.use(async ({ ctx, next, path, type }) => {
  const started = performance.now()
  const actor = actorSchema.safeParse(ctx.actor)
  if (!actor.success) {
    throw new TRPCError({ code: 'UNAUTHORIZED', message: 'Each call needs an actor with a kind and a name.' })
  }
  if (ctx.requestId !== undefined && !isRequestId(ctx.requestId)) {
    throw new TRPCError({ code: 'BAD_REQUEST', message: 'The requestId is no text of at most 255 characters.' })
  }
  const stamp: Stamp = {
    actor: actor.data,
    via: ctx.via,
    now: ctx.now?.() ?? new Date(),
    requestId: ctx.requestId,
  }
  const result = await next({ ctx: { ...ctx, stamp, policy: ctx.policy ?? defaultPolicy } })
  const milliseconds = Number((performance.now() - started).toFixed(3))
  ctx.log?.debug({ path, type, ok: result.ok, milliseconds, at: instantFromDate(stamp.now) }, 'procedure called')
  if (result.ok) return result
  const error = toTRPCError(result.error)
  if (error.code === 'INTERNAL_SERVER_ERROR') ctx.log?.error({ path, type, err: error.cause }, 'procedure failed')
  throw error
})

function isRequestId(text: string): boolean {
  return text.length <= 255 && isStorableText(text)
}

const actorSchema = z.object({
  kind: z.enum(['service', 'user', 'system']),
  name: z
    .string()
    .max(255)
    .refine((name) => name.trim() !== '' && isStorableText(name)),
})
