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
import { callOperation, type CallContext } from './call.ts'
import type { ErrorCode, Failure } from '../core/errors.ts'
import type { Tracked } from '../core/tracked.ts'
import { enrollmentErrorFrom } from './errors.ts'
import type { AnyOperation, AnySubscription, Operation, OperationTable, Subscription } from './operation.ts'
import { itemsOf } from './page-items.ts'
import { openSubscription } from './subscribe.ts'

/** How streams of subscriptions are kept open: proxies cut what is silent for a minute, or for less. */
export const streams = {
  ping: { enabled: true, intervalMs: 10_000 },
  client: { reconnectAfterInactivityMs: 30_000 },
} as const

const t = initTRPC.context<CallContext>().create({
  isDev: false,
  sse: streams,
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

/**
 * Each middleware of tRPC would cost a call as much as all the rest of it: there is one, which hands the input on as it is, and
 * {@link callOperation} reads it, as it does in process.
 */
function procedureOf(operation: AnyOperation | AnySubscription) {
  const { input: schema, output } = operation
  const procedure = resolverOf(operation)
  // For tools to see. What the core answers is held against its schema by tests.
  return Object.assign(procedure, { _def: Object.assign(procedure._def, { inputs: [schema], output }) })
}

function resolverOf(operation: AnyOperation | AnySubscription) {
  const unread = t.procedure.input((input: unknown) => input)
  if (operation.type === 'subscription') {
    return unread.subscription(async function* ({ ctx, path, input, signal }) {
      const pages = openSubscription(operation, ctx, path, () => input, { signal })
      for await (const { id, data } of itemsOf(pages)) yield tracked(id, data)
    })
  }
  return unread[operation.type](({ ctx, path, input, signal }) =>
    callOperation(operation, ctx, path, input, { signal }),
  )
}
