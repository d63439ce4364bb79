import { cancelJob } from '../core/bulk/cancel.ts'
import { getJob, listJobs } from '../core/bulk/read.ts'
import { readResults } from '../core/bulk/results.ts'
import { retryFailed } from '../core/bulk/retry.ts'
import { startJob } from '../core/bulk/start.ts'
import { startUndo } from '../core/bulk/undo/start.ts'
import { watchJob } from '../core/bulk/watch.ts'
import { jobInput, listInput, resultsInput, startInput, undoInput, watchInput } from './bulk-inputs.ts'
import { bulkJob, bulkJobPage, bulkResultPage, startedJob } from './bulk-outputs.ts'
import { mutation, query, subscription } from './operation.ts'

/** Long work: jobs of many lines that are started, followed and corrected (bulk.md §1). */
export const bulkOperations = {
  start: mutation({
    input: startInput,
    output: startedJob,
    handler: ({ db, metadata }, input) => startJob(db, input, metadata),
  }),

  get: query({
    input: jobInput,
    output: bulkJob,
    handler: ({ db, metadata: { now } }, { jobId }) => getJob(db, jobId, now),
  }),

  list: query({
    input: listInput,
    output: bulkJobPage,
    handler: ({ db, metadata: { now } }, input) => listJobs(db, { ...input, now }),
  }),

  watch: subscription({
    input: watchInput,
    output: bulkJob,
    handler: ({ db, signal }, { jobId }) => watchJob(db, jobId, signal),
  }),

  results: query({
    input: resultsInput,
    output: bulkResultPage,
    handler: ({ db }, { jobId, ...options }) => readResults(db, jobId, options),
  }),

  cancel: mutation({
    input: jobInput,
    output: bulkJob,
    handler: ({ db, metadata: { now } }, { jobId }) => cancelJob(db, jobId, now),
  }),

  retryFailed: mutation({
    input: jobInput,
    output: bulkJob,
    handler: ({ db, metadata }, { jobId }) => retryFailed(db, jobId, metadata),
  }),

  undo: mutation({
    input: undoInput,
    output: bulkJob,
    handler: ({ db, metadata }, input) => startUndo(db, input, metadata),
  }),
}
