import type { operations } from '../../routers/operations.ts'
import type { createRouter } from '../../routers/trpc.ts'
import { courseSummary, listCourses } from './courses.ts'
import { getCustomer, listCustomers, listPending } from './customers.ts'
import { findLearners, getLearner } from './learners.ts'
import { planOf } from './plan.ts'
import { recentChanges } from './recent-changes.ts'
import { roster } from './roster.ts'

/** What the console reads beside the typed API (rpc §3): lists for people, with names and addresses. They change nothing. */
export const consoleOperations = {
  console: {
    courses: listCourses,
    courseSummary,
    recentChanges,
    roster,
    findLearners,
    learner: getLearner,
    customers: listCustomers,
    customer: getCustomer,
    pending: listPending,
    plan: planOf,
  },
}

/** All that the page calls. */
export type ConsoleRouter = ReturnType<typeof createRouter<typeof operations & typeof consoleOperations>>
