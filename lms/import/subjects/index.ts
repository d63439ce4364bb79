import type { Subject } from '../subject.ts'
import { accounts } from './accounts.ts'
import { allowances } from './allowances.ts'
import { cohortMemberships, cohortUsers } from './cohort-members.ts'
import { cohortPreassignments } from './cohort-preassignments.ts'
import { cohorts } from './cohorts.ts'
import { courses } from './courses.ts'
import { customerLinks, pendingLinks } from './customer-links.ts'
import { customerAdmins, customers, pendingAdmins } from './customers.ts'
import { defaultIntentions, defaultRealizations } from './default-intentions.ts'
import { emailOptIns } from './email-opt-ins.ts'
import { embargoAddresses, embargoCountries, embargoRules } from './embargo.ts'
import { enterpriseRecords } from './enterprise-records.ts'
import { fulfilments } from './fulfilments.ts'
import { manualEnrollments } from './manual-enrollments.ts'
import { modes } from './modes.ts'
import { pendingEnrollments } from './pending-enrollments.ts'
import { retirementRequests, retirements } from './retirements.ts'
import { roles } from './roles.ts'

/** Before the enrollments: what they refer to, and what they do not. */
export const subjectsBefore: readonly Subject[] = [accounts, courses, modes, cohorts, roles, allowances]

/** After the enrollments: what refers to them; retirements last, as they block the names that accounts had. */
export const subjectsAfter: readonly Subject[] = [
  cohortMemberships,
  cohortUsers,
  cohortPreassignments,
  emailOptIns,
  manualEnrollments,
  embargoRules,
  embargoCountries,
  embargoAddresses,
  customers,
  customerAdmins,
  pendingAdmins,
  customerLinks,
  pendingLinks,
  enterpriseRecords,
  ...fulfilments,
  pendingEnrollments,
  defaultIntentions,
  defaultRealizations,
  retirements,
  retirementRequests,
]
