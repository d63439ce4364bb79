import type { LineInput, LineType } from '../../core/import-export/lines.ts'
import { accounts } from './accounts.ts'
import { courseRuns } from './courses.ts'
import { enrollments } from './enrollments.ts'

export type AnyLine = { [T in LineType]: LineInput<T> }[LineType]

/**
 * The demo catalogue in the import format: what a small platform of several schools could hold, and each situation that
 * enrollment knows. All people, schools and courses are invented.
 *
 * @param now what "closed last month" and "opens next month" are relative to.
 */
export function demoLines(now: Date): AnyLine[] {
  const runs = courseRuns(now)
  return [
    ...accounts(),
    ...runs.courses,
    ...runs.modes,
    ...teams,
    ...cohorts,
    ...allowances,
    ...enrollments(now),
    ...rest,
  ]
}

const DEMO = 'course-v1:edX+DemoX+2026'
const INVITED = 'course-v1:OpenHarbor+TEACH500+Invited'

const teams: AnyLine[] = [
  { type: 'role', username: 'instructor', role: 'instructor', org: 'edX', courseId: DEMO },
  { type: 'role', username: 'instructor', role: 'staff', org: 'LindenU' },
  { type: 'role', username: 'amara_okafor', role: 'staff', org: 'OpenHarbor', courseId: INVITED },
  {
    type: 'role',
    username: 'henrik_lund',
    role: 'beta_testers',
    org: 'NorthbayX',
    courseId: 'course-v1:NorthbayX+AI210+R1',
  },
]

const cohorts: AnyLine[] = [
  { type: 'cohort', courseId: DEMO, name: 'Default Group' },
  { type: 'cohort', courseId: DEMO, name: 'Evening learners' },
  { type: 'cohort', courseId: 'course-v1:LindenU+HIST201+Spring', name: 'Seminar A' },
  { type: 'cohort', courseId: 'course-v1:LindenU+HIST201+Spring', name: 'Seminar B' },
]

const allowances: AnyLine[] = [
  { type: 'allowance', email: 'amara.okafor@example.com', courseId: INVITED, claimedBy: 'amara_okafor' },
  { type: 'allowance', email: 'leila.haddad@example.com', courseId: INVITED, claimedBy: 'leila_haddad' },
  { type: 'allowance', email: 'alice@example.com', courseId: INVITED },
  { type: 'allowance', email: 'new.teacher@example.org', courseId: INVITED, autoEnroll: true },
]

const rest: AnyLine[] = [
  { type: 'retirement', username: 'tomas_novak', state: 'PENDING' },
  {
    type: 'embargo',
    courseId: 'course-v1:NorthbayX+CLOUD900+Pro',
    whitelist: ['US', 'CA', 'GB', 'IE', 'FR', 'DE'],
    messageKey: 'embargo',
  },
]
