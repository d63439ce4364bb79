/// <reference types="node" preserve="true" />
// enrollment-service: enroll, read, follow, in the caller's own process.
export * from '../routers/index.ts'
export type * from './operation-types.ts'
export type { SearchPage } from '../core/enrollment/search.ts'
// What the inferred types of callers, clients and routers name.
export type { Batch, BatchInput } from '../routers/batch.ts'
export type { AttributeWire as EnrollmentAttribute } from '../routers/inputs.ts'
export type { Page } from '../core/webhook/read.ts'
export type { BulkJob, BulkResult } from '../core/bulk/job.ts'
export type { JobRequest, StartedJob } from '../core/bulk/start.ts'
export type { StartJobInput } from '../routers/bulk-inputs.ts'
export type { ShownSecret } from '../core/webhook/write.ts'
export type { CallerOf } from '../routers/caller.ts'
export type { TrackedPage } from '../core/tracked.ts'
export type { Operation, OperationTable, Subscription, SubscriptionCall } from '../routers/operation.ts'
export type { ErrorShape, ProcedureTypes, SubscriptionTypes } from '../routers/trpc.ts'
