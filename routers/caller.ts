import type { z } from 'zod'
import { callContextOf, callOperation, type CallContext, type CallOptions, type ForeignContext } from './call.ts'
import type { DB } from '../core/database/schema.ts'
import type { Tracked } from '../core/tracked.ts'
import type { AnyOperation, AnySubscription, Operation, OperationTable, Subscription } from './operation.ts'
import { operations } from './operations.ts'
import { itemsOf } from './page-items.ts'
import { openSubscription } from './subscribe.ts'
import { streamBatches, type EnrollStreamOptions } from './stream.ts'
import type { BatchResult } from './batch.ts'

/** One function for each operation, by group and name. */
export type CallerOf<T extends OperationTable> = {
  [Group in keyof T]: {
    [Name in keyof T[Group]]: FunctionOf<T[Group][Name]>
  }
}

type FunctionOf<Op> =
  Op extends Operation<infer _, infer S, infer O>
    ? (input: z.input<S>, options?: CallOptions) => Promise<O>
    : Op extends Subscription<infer S, infer O>
      ? (input: z.input<S>, options?: CallOptions) => AsyncIterableIterator<Tracked<O>, void, void>
      : never

/** An item of `enrollment.enrollMany`. */
export type EnrollItem = Parameters<CallerOf<typeof operations>['enrollment']['enrollMany']>[0]['items'][number]

/** Calls the operations in this process, e.g. `caller.enrollment.enroll(input)`. */
export interface Caller extends CallerOf<Omit<typeof operations, 'enrollment'>> {
  readonly enrollment: CallerOf<typeof operations>['enrollment'] & {
    /**
     * Enrolls any number of items: reads them as they come, and yields their results in order, in bounded memory. The
     * results equal those of the items one after another; each chunk is kept as it ends. On the pool a chunk is read and
     * decided while the one before it is written, unless it was decided on what that one changes.
     *
     * @returns results whose `index` counts from 0 over the whole stream.
     * The results of a chunk come when the source has given the one after it, on the pool the two after it, or has ended: a
     * source may not wait for them.
     *
     * @throws `TRPCError` when a chunk cannot be carried out as a whole, e.g. `unavailable`. What was yielded before stays,
     *   and the chunk after it may have been kept as well: items that were kept usually answer `unchanged` when they are sent
     *   again.
     */
    enrollStream(
      items: Iterable<EnrollItem> | AsyncIterable<EnrollItem>,
      options?: EnrollStreamOptions,
    ): AsyncGenerator<BatchResult, void, void>
  }
}

/**
 * Calls the operations in this process, without a network (rpc §1).
 *
 * @param context `db` decides how calls run: on the pool, or inside the transaction that is given.
 * @returns an object with one function for each operation, e.g. `caller.enrollment.enroll(input)`. Errors of the domain
 *   arrive as `TRPCError`; {@link enrollmentErrorFrom} finds the domain's own error in them.
 * @throws {TypeError} for a database that cannot work.
 */
export function createCaller<Tables extends DB>(context: ForeignContext<Tables>): Caller {
  return callerOf(callContextOf(context, 'caller'))
}

/** The same for whoever says through which API the calls come. */
export function callerOf(context: CallContext): Caller {
  const { enrollment, ...others } = functionsOf(operations, context)
  const enrollMany = { path: 'enrollment.enrollMany', operation: operations.enrollment.enrollMany }
  return {
    ...others,
    enrollment: {
      ...enrollment,
      enrollStream: (items, options) => streamBatches(enrollMany, context, items, options),
    },
  }
}

function functionsOf<T extends OperationTable>(table: T, context: CallContext): CallerOf<T> {
  const groups = Object.entries(table).map(([group, ofGroup]) => {
    const functions = Object.entries(ofGroup).map(([name, operation]) => [
      name,
      functionOf(operation, context, `${group}.${name}`),
    ])
    return [group, Object.fromEntries(functions)]
  })
  // The same groups and names: what a table of any operations loses is the type of each.
  return Object.fromEntries(groups) as CallerOf<T>
}

function functionOf(operation: AnyOperation | AnySubscription, context: CallContext, path: string) {
  if (operation.type !== 'subscription') {
    return (input: unknown, options?: CallOptions) => callOperation(operation, context, path, input, options)
  }
  return (input: unknown, options?: CallOptions) =>
    itemsOf(openSubscription(operation, context, path, () => input, options))
}

/** The same as {@link Caller.enrollment.enrollStream}, as a function. */
export function enrollStream(
  caller: Pick<Caller, 'enrollment'>,
  items: Iterable<EnrollItem> | AsyncIterable<EnrollItem>,
  options?: EnrollStreamOptions,
): AsyncGenerator<BatchResult, void, void> {
  return caller.enrollment.enrollStream(items, options)
}
