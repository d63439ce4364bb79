import { randomUUID } from 'node:crypto'
import type { Kysely } from 'kysely'
import { z } from 'zod'
import type { DB } from '../core/database/schema.ts'
import type { Asked, Outcome, Result, Stamp } from '../core/enrollment/command.ts'
import { enrollMany, enrollWhole } from '../core/enrollment/enroll.ts'
import { EnrollmentError, failure, type Failure } from '../core/errors.ts'
import { withIdempotencyKey } from '../core/idempotency/key.ts'
import type { Policy } from '../core/policy.ts'
import { storableText } from '../core/text.ts'
import { enrollCommand } from './commands.ts'
import { enrollFields, withLooseLearner } from './inputs.ts'
import { mutation } from './trpc.ts'

/** The most items of one batch. */
const MAX_ITEMS = 10_000

const enrollManyInput = ofAtMostMaxItems(
  z.strictObject({
    items: z
      .array(withLooseLearner({ ...enrollFields, mode: z.string().optional(), ref: storableText(255).optional() }))
      .min(1),
    failureMode: z.enum(['bestEffort', 'strict']).default('bestEffort'),
    dryRun: z.boolean().default(false),
    idempotencyKey: storableText(255).min(1).optional(),
  }),
)

type Batch = Omit<z.output<typeof enrollManyInput>, 'idempotencyKey'>

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

/** `enrollment.enrollMany`: a batch that equals its items one after another (rpc §3.2). */
export const enrollManyProcedure = mutation(
  enrollManyInput,
  async ({ db, stamp, policy }, { idempotencyKey: key, ...batch }): Promise<BatchAnswer> => {
    // A dry run keeps nothing, so it neither uses a key nor is answered from one.
    if (key === undefined || batch.dryRun) return carryOut(db, batch, { stamp, policy })
    const use = { actor: stamp.actor.name, scope: 'enrollment.enrollMany', key, input: batch, now: stamp.now }
    const { answer, replayed } = await withIdempotencyKey(
      db,
      use,
      (trx) => carryOut(trx, batch, { stamp, policy, asOne: true }),
      { keepIf: ({ status }) => status === 'applied' },
    )
    return replayed ? { ...answer, status: 'replayed' } : answer
  },
)

interface Circumstances {
  readonly stamp: Stamp
  readonly policy: Policy
  /** Whether no part of the batch is kept without the rest, be it because a race was lost. */
  readonly asOne?: boolean
}

async function carryOut(
  db: Kysely<DB>,
  { items, failureMode, dryRun }: Batch,
  { stamp: callStamp, policy, asOne = false }: Circumstances,
): Promise<BatchAnswer> {
  const batchId = randomUUID()
  const stamp = { ...callStamp, batchId }
  const asked: Asked[] = items.map((item) => ({ command: enrollCommand(item), stamp }))
  const strict = failureMode === 'strict'
  const { results, kept } =
    strict || dryRun || asOne
      ? await enrollWhole(db, asked, policy, { strict, dryRun })
      : { results: await enrollMany(db, asked, policy), kept: true }
  return {
    batchId,
    status: statusOf({ kept, dryRun }),
    counts: countsOf(results),
    results: results.map((result, index) => batchResult(index, items[index]?.ref, result)),
  }
}

/** Before the items are looked at one by one: a batch that is too large costs nothing. */
function ofAtMostMaxItems<S extends z.ZodType>(schema: S): z.ZodType<z.output<S>, z.input<S>> {
  const sized = z.preprocess((raw) => {
    if (hasTooManyItems(raw)) throw new EnrollmentError(failure('batchTooLarge', { limit: MAX_ITEMS }))
    return raw
  }, schema)
  return sized as z.ZodType<z.output<S>, z.input<S>> // What is passed on is what came in.
}

function hasTooManyItems(raw: unknown): boolean {
  if (typeof raw !== 'object' || raw === null || !('items' in raw)) return false
  return Array.isArray(raw.items) && raw.items.length > MAX_ITEMS
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
