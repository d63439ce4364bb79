/// <reference types="node" preserve="true" />
// enrollment-service/enterprise: what a customer does with the enrollments of its learners.
export { enrollLearners } from '../enterprise/enroll-learners.ts'
export { cancelFulfilment } from '../enterprise/fulfilments/cancel-fulfilment.ts'
export { endEnrollments } from '../enterprise/fulfilments/end-enrollments.ts'
export { expireLicenses } from '../enterprise/fulfilments/expire-licenses.ts'
export { getFulfilment } from '../enterprise/fulfilments/get-fulfilment.ts'
export { listUnenrolled } from '../enterprise/fulfilments/list-unenrolled.ts'
export { revokeLicenses } from '../enterprise/fulfilments/revoke-licenses.ts'
export { cancelPending } from '../enterprise/pending/cancel.ts'
export { listPending } from '../enterprise/pending/list.ts'
export { EnterpriseError } from '../enterprise/errors.ts'
export type { EnterpriseErrorCode, EnterpriseErrorDetails } from '../enterprise/errors.ts'
export type { EnrollLearnersRequest } from '../enterprise/bulk/request.ts'
export type {
  DoneKind,
  EnrolledKind,
  DoneRow,
  EnrollLearnersAnswer,
  PendingKind,
  RefusedRow,
  RowIdentity,
  RowOutcome,
} from '../enterprise/bulk/answer.ts'
export type { FundingKind, Refusal, RefusalCode, RefusalDetails, Warning } from '../enterprise/refusal.ts'
export type { CancelFulfilmentAnswer, CancelFulfilmentRequest } from '../enterprise/fulfilments/cancel-fulfilment.ts'
export type { EndEnrollmentsAnswer, EndEnrollmentsRequest, EndOutcome } from '../enterprise/fulfilments/end-request.ts'
export type { ExpireLicensesAnswer, ExpireLicensesRequest } from '../enterprise/fulfilments/expire-licenses.ts'
export type { GetFulfilmentRequest } from '../enterprise/fulfilments/get-fulfilment.ts'
export type { ListUnenrolledRequest } from '../enterprise/fulfilments/list-unenrolled.ts'
export type { FulfilmentDetails } from '../enterprise/fulfilments/read-fulfilments.ts'
export type { LicenseResult, UnchangedReason } from '../enterprise/fulfilments/license-result.ts'
export type { RevokeLicensesAnswer, RevokeLicensesRequest } from '../enterprise/fulfilments/revoke-licenses.ts'
export type { CancelPendingAnswer, CancelPendingOutcome, CancelPendingRequest } from '../enterprise/pending/cancel.ts'
export type {
  ListPendingAnswer,
  ListPendingRequest,
  PendingEnrollment,
  PendingState,
} from '../enterprise/pending/list.ts'
export type { EnterpriseDB, EnterpriseTables } from '../enterprise/database/schema.ts'
