import {
  initTRPC,
  tracked,
  type TRPCDefaultErrorShape,
  type TRPCMutationProcedure,
  type TRPCQueryProcedure,
  type TRPCSubscriptionProcedure,
} from '@trpc/server'
import { ZodError, type z } from 'zod'
import { inputErrorOf } from './bounded-input.ts'
import { callOf, handle, reported, type CallContext } from './call.ts'
import type { ErrorCode, Failure } from '../core/errors.ts'
import type { Tracked } from '../core/tracked.ts'
import { enrollmentErrorFrom, toTRPCError } from './errors.ts'
import type { AnyOperation, AnySubscription, Operation, OperationTable, Subscription } from './operation.ts'
import { itemsOf } from './page-items.ts'
import { openSubscription } from './subscribe.ts'

const t = initTRPC.context<CallContext>().create({
  isDev: false,
  errorFormatter({ shape, error }): ErrorShape {
    const domain = enrollmentErrorFrom(error)
    const issues = error.cause instanceof ZodError ? issuesOf(error.cause) : {}
    const reason = domain === undefined ? {} : { reason: domain.code, details: domain.details }
    return { ...shape, data: { ...shape.data, ...issues, ...reason } }
  },
})

/** What a client is told about an error (rpc §4). */
export interface ErrorShape extends TRPCDefaultErrorShape {
  readonly data: TRPCDefaultErrorShape['data'] & {
    /** What is wrong with a malformed input. */
    readonly issues?: readonly z.core.$ZodIssue[]
    /** How many more there are. */
    readonly issuesLeftOut?: number
    /** The code of an error of the domain. */
    readonly reason?: ErrorCode
    readonly details?: Failure['details']
  }
}

function issuesOf(error: ZodError) {
  const { issues, issuesLeftOut } = inputErrorOf(error)
  return { issues, ...(issuesLeftOut > 0 ? { issuesLeftOut } : {}) }
}

/** What tRPC is told about a procedure. */
export interface ProcedureTypes<S extends z.ZodType, O> {
  input: z.input<S>
  output: O
  meta: object
  errorShape: ErrorShape
}

/** What tRPC is told about a subscription. */
export interface SubscriptionTypes<S extends z.ZodType, O> {
  input: z.input<S>
  /** tRPC shows what is tracked so. */
  output: AsyncIterable<Tracked<O>, void, void>
  meta: object
  errorShape: ErrorShape
}

/** The procedure of tRPC that an operation becomes. */
type ProcedureOf<Op> =
  Op extends Operation<infer T, infer S, infer O>
    ? T extends 'query'
      ? TRPCQueryProcedure<ProcedureTypes<S, O>>
      : TRPCMutationProcedure<ProcedureTypes<S, O>>
    : Op extends Subscription<infer S, infer O>
      ? TRPCSubscriptionProcedure<SubscriptionTypes<S, O>>
      : never

type RecordOf<T extends OperationTable> = {
  [Group in keyof T]: { [Name in keyof T[Group]]: ProcedureOf<T[Group][Name]> }
}

/** An ordinary router of tRPC with a procedure for each operation of a table. */
export function createRouter<T extends OperationTable>(operations: T) {
  const groups = Object.entries(operations).map(([group, ofGroup]) => {
    const procedures = Object.entries(ofGroup).map(([name, operation]) => [name, procedureOf(operation)])
    return [group, Object.fromEntries(procedures)]
  })
  // The same groups and names: what a table of any operations loses is the type of each.
  return t.router(Object.fromEntries(groups) as RecordOf<T>)
}

/** What `next` answers to a middleware does not throw: its error is looked at. */
const procedure = t.procedure.use(async ({ next }) => {
  const result = await next()
  if (result.ok) return result
  return { ...result, error: toTRPCError(result.error) }
})

function procedureOf(operation: AnyOperation | AnySubscription) {
  const typed = procedure.input(operation.input).output(unchecked(operation.output))
  if (operation.type === 'subscription') {
    return typed.subscription(async function* ({ ctx, path, input, signal }) {
      const pages = openSubscription(operation, ctx, path, () => input, { signal })
      for await (const { id, data } of itemsOf(pages)) yield tracked(id, data)
    })
  }
  const { type } = operation
  return typed[type](({ ctx, path, input, signal }) =>
    reported({ type }, ctx, path, async () => handle(operation, ctx, callOf(ctx), input, signal), signal),
  )
}

/** The schema for tools to see, which takes any value: what the core answers is held against it by tests. */
function unchecked(schema: z.ZodType): z.ZodType {
  const pass = (value: unknown) => value
  return Object.assign(Object.create(schema) as z.ZodType, { parse: pass, parseAsync: async (value: unknown) => value })
}
