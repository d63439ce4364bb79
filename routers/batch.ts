import { randomUUID } from 'node:crypto'
import type { Kysely } from 'kysely'
import { z } from 'zod'
import type { DB } from '../core/database/schema.ts'
import type { BatchItem, EnrollmentCommand, Result } from '../core/enrollment/command.ts'
import { enrollMany, enrollWhole } from '../core/enrollment/enroll.ts'
import { itemRef } from '../core/enrollment/field-schemas.ts'
import { withinWorkLimit } from '../core/database/work-limit.ts'
import { EnrollmentError, failure } from '../core/errors.ts'
import { withIdempotencyKey } from '../core/idempotency/key.ts'
import { storableText } from '../core/text.ts'
import { batchItems } from './bounded-input.ts'
import { mutation, type Call, type Operation } from './operation.ts'
import { batchAnswer, type batchResult } from './outputs.ts'

/** The most items of one batch. */
const MAX_ITEMS = 10_000

/** The fields of a batch; `I` is an item. */
export interface Batch<I> {
  readonly items: readonly I[]
  readonly failureMode: 'bestEffort' | 'strict'
  readonly dryRun: boolean
  readonly idempotencyKey?: string | undefined
}

/** The same as it is sent. */
export interface BatchInput<I> {
  items: I[]
  failureMode?: 'bestEffort' | 'strict' | undefined
  dryRun?: boolean | undefined
  idempotencyKey?: string | undefined
}

/** What every item of a batch may have beside its own fields: a name that comes back with its result. */
export const batchItemFields = { ref: itemRef.optional() }

interface BatchItemInput {
  readonly ref?: string | undefined
}

/** The result of `items[index]` (rpc §3.2). */
export type BatchResult = z.infer<typeof batchResult>
export type BatchAnswer = z.infer<typeof batchAnswer>

/**
 * An operation that takes a batch of commands, which equals them one after another (rpc §3.2).
 *
 * @param name its path: idempotency keys are its own.
 * @param item the schema of an item.
 * @param commandOf the command of an item.
 */
export function batchOperation<I extends BatchItemInput, Raw>(
  name: string,
  item: z.ZodType<I, Raw>,
  commandOf: (item: I) => EnrollmentCommand,
): Operation<'mutation', z.ZodType<Batch<I>, BatchInput<Raw>>, BatchAnswer> {
  return mutation({
    input: schemaOf(item),
    output: batchAnswer,
    async handler({ db, ...call }, { idempotencyKey: key, ...batch }) {
      const work = (on: Kysely<DB>, asOne: boolean) =>
        withinWorkLimit(on, batch.items.length, () => enrollBatch(on, batch, commandOf, { ...call, asOne }))
      // A dry run keeps nothing, so it neither uses a key nor is answered from one.
      if (key === undefined || batch.dryRun) return work(db, false)
      const { actor, now } = call.metadata
      const use = { actor: actor.name, scope: name, key, input: batch, now }
      const { answer, replayed } = await withIdempotencyKey(db, use, (trx) => work(trx, true), {
        keepIf: ({ status }) => status === 'applied',
      })
      return replayed ? { ...answer, status: 'replayed' } : answer
    },
  })
}

/** Before the items are looked at one by one: a batch that is too large costs nothing. */
function schemaOf<I, Raw>(item: z.ZodType<I, Raw>): z.ZodType<Batch<I>, BatchInput<Raw>> {
  const schema = z.strictObject({
    items: batchItems(item),
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

interface BatchOptions extends Omit<Call, 'db'> {
  /** Whether no part of the batch is kept without the rest, be it because a race was lost. */
  readonly asOne: boolean
}

async function enrollBatch<I extends BatchItemInput>(
  db: Kysely<DB>,
  { items, failureMode, dryRun }: Batch<I>,
  commandOf: (item: I) => EnrollmentCommand,
  { metadata: callMetadata, policy, pipeline, asOne }: BatchOptions,
): Promise<BatchAnswer> {
  const batchId = randomUUID()
  const metadata = { ...callMetadata, batchId }
  const commands: BatchItem[] = items.map((item) => ({ command: commandOf(item), metadata }))
  const strict = failureMode === 'strict'
  const { results, kept } =
    strict || dryRun || asOne
      ? await enrollWhole(db, commands, policy, { strict, dryRun })
      : { results: await (pipeline ?? enrollMany)(db, commands, policy), kept: true }
  return {
    batchId,
    status: statusOf({ kept, dryRun }),
    counts: countsOf(results),
    results: results.map((result, index) => batchResultOf(index, items[index]?.ref, result)),
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

function batchResultOf(index: number, ref: string | undefined, result: Result): BatchResult {
  const place = ref === undefined ? { index } : { index, ref }
  return result.ok ? { ...place, ok: true, outcome: result.outcome } : { ...place, ok: false, error: result.error }
}
