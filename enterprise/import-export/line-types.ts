import type { importFormat } from '../../routers/extension.ts'
import { customerAdmins } from './customer-admins.ts'
import { customerLinks } from './customer-links.ts'
import { customers } from './customers.ts'

/** The lines that the tenant adds to the import format, what they refer to first (enterprise C.0). */
export const enterpriseLineTypes: readonly importFormat.ExtensionLineType[] = [customers, customerAdmins, customerLinks]
