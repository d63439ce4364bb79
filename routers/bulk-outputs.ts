import { z } from 'zod'
import { jobActions, jobPhases, jobSources, jobStates, type BulkJob, type BulkResult } from '../core/bulk/job.ts'
import type { Page } from '../core/webhook/read.ts'
import { failure, outcome } from './outputs.ts'

// What the operations of bulk jobs answer (bulk.md §1). Instants are ISO 8601, UTC.

const count = z.number().int().min(0)

export const startedJob = z.strictObject({ jobId: z.string(), state: z.enum(jobStates) })

export const bulkJob: z.ZodType<BulkJob> = z.strictObject({
  jobId: z.string(),
  name: z.string().nullable(),
  state: z.enum(jobStates),
  phase: z.enum(jobPhases),
  action: z.enum(jobActions),
  source: z.enum(jobSources),
  failureMode: z.enum(['bestEffort', 'strict']),
  dryRun: z.boolean(),
  actor: z.strictObject({ kind: z.enum(['service', 'user', 'system']), name: z.string() }),
  reason: z.string().nullable(),
  parentJobId: z.string().nullable(),
  total: count.nullable(),
  done: count,
  counts: z.record(z.string(), count),
  ratePerSecond: z.number().nullable(),
  estimatedEnd: z.string().nullable(),
  createdAt: z.string(),
  startedAt: z.string().nullable(),
  endedAt: z.string().nullable(),
  lastError: failure.nullable(),
  planFingerprint: z.string().nullable(),
  warnings: z.array(z.string()),
})

export const bulkJobPage: z.ZodType<Page<BulkJob>> = z.strictObject({
  items: z.array(bulkJob),
  nextCursor: z.string().nullable(),
})

const bulkResult = z.strictObject({
  line: count,
  ref: z.string().exactOptional(),
  input: z.unknown(),
  ok: z.boolean(),
  outcome: outcome.exactOptional(),
  error: failure.exactOptional(),
}) as z.ZodType<BulkResult>

export const bulkResultPage: z.ZodType<Page<BulkResult>> = z.strictObject({
  items: z.array(bulkResult),
  nextCursor: z.string().nullable(),
})
