import { randomUUID } from 'node:crypto'
import type { Kysely } from 'kysely'
import { z } from 'zod'
import type { DB } from '../core/database/schema.ts'
import type { Asked, EnrollmentCommand, Outcome, Result, Stamp } from '../core/enrollment/command.ts'
import { enrollMany, enrollWhole } from '../core/enrollment/enroll.ts'
import type { EnrollInOrder } from '../core/enrollment/in-order.ts'
import { EnrollmentError, failure, type Failure } from '../core/errors.ts'
import { withIdempotencyKey } from '../core/idempotency/key.ts'
import type { Policy } from '../core/policy.ts'
import { storableText } from '../core/text.ts'
import { mutation } from './trpc.ts'

/** The most items of one batch. */
const MAX_ITEMS = 10_000

/** The fields of a batch; `I` is an item. */
interface Batch<I> {
  readonly items: readonly I[]
  readonly failureMode: 'bestEffort' | 'strict'
  readonly dryRun: boolean
  readonly idempotencyKey?: string | undefined
}

/** The same as it is sent. */
interface BatchInput<I> {
  items: I[]
  failureMode?: 'bestEffort' | 'strict' | undefined
  dryRun?: boolean | undefined
  idempotencyKey?: string | undefined
}

/** What every item of a batch may have beside its own fields: a name that comes back with its result. */
export const batchItemFields = { ref: storableText(255).optional() }

interface BatchItem {
  readonly ref?: string | undefined
}

/** The result of `items[index]` (rpc §3.2). */
export type BatchResult = { index: number; ref?: string } & (
  | { ok: true; outcome: Outcome }
  | { ok: false; error: Failure }
)

export interface BatchAnswer {
  batchId: string
  /** `replayed`: the rest is the answer that the first call with the same idempotency key got. */
  status: 'applied' | 'planned' | 'rolledBack' | 'replayed'
  /** How many results there are of each kind and of each error code; they add up to the number of items. */
  counts: Record<string, number>
  results: BatchResult[]
}

/**
 * A procedure that takes a batch of commands, which equals them one after another (rpc §3.2).
 *
 * @param name that of the procedure: idempotency keys are its own.
 * @param item the schema of an item.
 * @param commandOf the command of an item.
 */
export function batchProcedure<I extends BatchItem, Raw>(
  name: string,
  item: z.ZodType<I, Raw>,
  commandOf: (item: I) => EnrollmentCommand,
) {
  return mutation(
    schemaOf(item),
    async ({ db, stamp, policy, line }, { idempotencyKey: key, ...batch }): Promise<BatchAnswer> => {
      const work = (on: Kysely<DB>, asOne: boolean) => carryOut(on, batch, commandOf, { stamp, policy, line, asOne })
      // A dry run keeps nothing, so it neither uses a key nor is answered from one.
      if (key === undefined || batch.dryRun) return work(db, false)
      const use = { actor: stamp.actor.name, scope: name, key, input: batch, now: stamp.now }
      const { answer, replayed } = await withIdempotencyKey(db, use, (trx) => work(trx, true), {
        keepIf: ({ status }) => status === 'applied',
      })
      return replayed ? { ...answer, status: 'replayed' } : answer
    },
  )
}

/** Before the items are looked at one by one: a batch that is too large costs nothing. */
function schemaOf<I, Raw>(item: z.ZodType<I, Raw>): z.ZodType<Batch<I>, BatchInput<Raw>> {
  const schema = z.strictObject({
    items: z.array(item).min(1),
    failureMode: z.enum(['bestEffort', 'strict']).default('bestEffort'),
    dryRun: z.boolean().default(false),
    idempotencyKey: storableText(255).min(1).optional(),
  })
  const sized = z.preprocess((raw) => {
    if (hasTooManyItems(raw)) throw new EnrollmentError(failure('batchTooLarge', { limit: MAX_ITEMS }))
    return raw
  }, schema)
  return sized as unknown as z.ZodType<Batch<I>, BatchInput<Raw>> // What is passed on is what came in.
}

function hasTooManyItems(raw: unknown): boolean {
  if (typeof raw !== 'object' || raw === null || !('items' in raw)) return false
  return Array.isArray(raw.items) && raw.items.length > MAX_ITEMS
}

interface Circumstances {
  readonly stamp: Stamp
  readonly policy: Policy
  readonly line: EnrollInOrder | undefined
  /** Whether no part of the batch is kept without the rest, be it because a race was lost. */
  readonly asOne: boolean
}

async function carryOut<I extends BatchItem>(
  db: Kysely<DB>,
  { items, failureMode, dryRun }: Batch<I>,
  commandOf: (item: I) => EnrollmentCommand,
  { stamp: callStamp, policy, line, asOne }: Circumstances,
): Promise<BatchAnswer> {
  const batchId = randomUUID()
  const stamp = { ...callStamp, batchId }
  const asked: Asked[] = items.map((item) => ({ command: commandOf(item), stamp }))
  const strict = failureMode === 'strict'
  const { results, kept } =
    strict || dryRun || asOne
      ? await enrollWhole(db, asked, policy, { strict, dryRun })
      : { results: await (line ?? enrollMany)(db, asked, policy), kept: true }
  return {
    batchId,
    status: statusOf({ kept, dryRun }),
    counts: countsOf(results),
    results: results.map((result, index) => batchResult(index, items[index]?.ref, result)),
  }
}

function statusOf({ kept, dryRun }: { kept: boolean; dryRun: boolean }): BatchAnswer['status'] {
  if (dryRun) return 'planned'
  return kept ? 'applied' : 'rolledBack'
}

function countsOf(results: readonly Result[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const result of results) {
    const name = result.ok ? result.outcome.kind : result.error.code
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

function batchResult(index: number, ref: string | undefined, result: Result): BatchResult {
  const place = ref === undefined ? { index } : { index, ref }
  return result.ok ? { ...place, ok: true, outcome: result.outcome } : { ...place, ok: false, error: result.error }
}
