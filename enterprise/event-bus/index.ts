import { certificateReceiver } from './certificates.ts'
import { ledgerReceiver } from './ledger-transactions.ts'
import { revokedCreditFeed } from './revoked-credits.ts'

/** What the extension sends to the event bus of the platform, and takes from it (enterprise-routes.md §3, enterprise C.9). */
export const enterpriseEventBus = { feeds: [revokedCreditFeed], receivers: [certificateReceiver, ledgerReceiver] }
