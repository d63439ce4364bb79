import type { importFormat } from '../../routers/extension.ts'
import { customerAdmins } from './customer-admins.ts'
import { customerLinks } from './customer-links.ts'
import { customers } from './customers.ts'
import { fulfilments } from './fulfilments.ts'
import { completions } from './completions.ts'
import { ledgerTransactions } from './ledger-transactions.ts'
import { defaultIntentions } from './default-intentions.ts'
import { defaultRealizations } from './default-realizations.ts'
import { pendingEnrollments } from './pending-enrollments.ts'
import { enterpriseRecords } from './records.ts'

/** The lines that the extension adds to the import format; lines come after those that they refer to (enterprise C.0). */
export const enterpriseLineTypes: readonly importFormat.ExtensionLineType[] = [
  customers,
  customerAdmins,
  customerLinks,
  enterpriseRecords,
  fulfilments,
  pendingEnrollments,
  defaultIntentions,
  defaultRealizations,
  completions,
  ledgerTransactions,
]
