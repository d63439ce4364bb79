/// <reference types="node" preserve="true" />
// enrollment-service/enterprise: what a customer does with the enrollments of its learners.
export {
  cancelFulfilment,
  enrollLearners,
  expireLicenses,
  listPending,
  revokeLicenses,
} from './enterprise/any-database.ts'
export { EnterpriseError } from '../enterprise/errors.ts'
export type { EnterpriseErrorCode } from '../enterprise/errors.ts'
export type { EnrollLearnersRequest } from '../enterprise/bulk/request.ts'
export type {
  DoneKind,
  DoneRow,
  EnrollLearnersAnswer,
  PendingKind,
  RefusedRow,
  RowIdentity,
  RowOutcome,
} from '../enterprise/bulk/answer.ts'
export type { FundingKind, Refusal, RefusalCode } from '../enterprise/bulk/refusal.ts'
export type { CancelFulfilmentAnswer, CancelFulfilmentRequest } from '../enterprise/fulfilments/cancel-fulfilment.ts'
export type { ExpireLicensesAnswer, ExpireLicensesRequest } from '../enterprise/fulfilments/expire-licenses.ts'
export type { LeftAlone, LicenseResult } from '../enterprise/fulfilments/license-result.ts'
export type { RevokeLicensesAnswer, RevokeLicensesRequest } from '../enterprise/fulfilments/revoke-licenses.ts'
export type { ListPendingRequest, PendingEnrollment } from '../enterprise/pending/list.ts'
export type { EnterpriseDB, EnterpriseTables } from '../enterprise/database/schema.ts'
