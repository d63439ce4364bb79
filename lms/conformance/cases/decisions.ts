import { enroll, one, stands } from '../build.ts'
import type { Caller, Case, Expected } from '../case.ts'
import type { Names } from '../names.ts'

/** A line of the decision table of rest-v1 §3.2. */
interface Line {
  readonly has: string
  readonly asks: object
  /** How it stands afterwards, or the status of the refusal, which changes nothing. */
  readonly gets: string | number
  readonly in?: 'closed' | 'full' | 'future' | 'invitation'
}

const LEARNER: readonly Line[] = [
  { has: 'inactive verified', asks: {}, gets: 'active audit' },
  { has: 'inactive verified', asks: { mode: 'honor' }, gets: 'active honor' },
  { has: 'inactive verified', asks: { is_active: true }, gets: 'active audit' },
  { has: 'inactive verified', asks: { is_active: false }, gets: 'inactive audit' },
  { has: 'inactive verified', asks: { is_active: false, mode: 'honor' }, gets: 'inactive honor' },
  { has: 'active verified', asks: {}, gets: 'active verified' },
  { has: 'active verified', asks: { mode: 'audit' }, gets: 'active verified' },
  { has: 'active verified', asks: { is_active: false }, gets: 'active verified' },
  { has: 'active verified', asks: { mode: 'audit', is_active: false }, gets: 'active verified' },
  { has: 'active audit', asks: { mode: 'verified' }, gets: 403 },
  { has: 'none', asks: {}, gets: 400, in: 'closed' },
  { has: 'none', asks: {}, gets: 400, in: 'full' },
  { has: 'none', asks: {}, gets: 400, in: 'future' },
  { has: 'none', asks: {}, gets: 400, in: 'invitation' },
  { has: 'none', asks: { force_enrollment: true }, gets: 400, in: 'closed' },
]

const PRIVILEGED: readonly Line[] = [
  { has: 'active audit', asks: {}, gets: 'active audit' },
  { has: 'active audit', asks: { mode: 'audit', is_active: true }, gets: 'active audit' },
  { has: 'active audit', asks: { mode: 'verified' }, gets: 'active verified' },
  { has: 'active verified', asks: { mode: 'audit' }, gets: 'active audit' },
  { has: 'active audit', asks: { mode: 'verified', is_active: true }, gets: 'active verified' },
  { has: 'active verified', asks: { is_active: false }, gets: 'inactive verified' },
  { has: 'active verified', asks: { mode: 'verified', is_active: false }, gets: 'inactive verified' },
  { has: 'active verified', asks: { mode: 'audit', is_active: false }, gets: 400 },
  { has: 'inactive verified', asks: { is_active: true }, gets: 'active verified' },
  { has: 'inactive verified', asks: { is_active: true, mode: 'audit' }, gets: 'active audit' },
  { has: 'inactive verified', asks: {}, gets: 'active audit' },
  { has: 'inactive verified', asks: { mode: 'verified' }, gets: 'active verified' },
  { has: 'inactive verified', asks: { mode: 'audit' }, gets: 'inactive audit' },
  { has: 'inactive verified', asks: { is_active: false, mode: 'verified' }, gets: 'inactive verified' },
  { has: 'inactive verified', asks: { is_active: false }, gets: 'inactive audit' },
  { has: 'inactive verified', asks: { is_active: false, mode: 'audit' }, gets: 'inactive audit' },
  { has: 'inactive verified', asks: { is_active: false, mode: 'nonsense' }, gets: 400 },
  { has: 'none', asks: {}, gets: 400, in: 'closed' },
  { has: 'none', asks: {}, gets: 400, in: 'full' },
  { has: 'none', asks: {}, gets: 400, in: 'invitation' },
]

/** An expired mode is there for the key when it changes one; force is for global staff, and lifts no capacity. */
const KEY: readonly Line[] = [
  { has: 'active audit', asks: { mode: 'masters' }, gets: 'active masters' },
  { has: 'active masters', asks: { mode: 'masters', is_active: false }, gets: 'inactive masters' },
  { has: 'inactive audit', asks: { mode: 'masters', is_active: true }, gets: 'active masters' },
  { has: 'none', asks: { force_enrollment: true }, gets: 400, in: 'closed' },
]
const STAFF: readonly Line[] = [
  { has: 'active audit', asks: { mode: 'masters' }, gets: 400 },
  { has: 'active audit', asks: { mode: 'masters', force_enrollment: true }, gets: 400 },
  { has: 'none', asks: { force_enrollment: false }, gets: 400, in: 'closed' },
  { has: 'none', asks: { force_enrollment: true }, gets: 400, in: 'full' },
]

const CALLERS: readonly (readonly [Caller, readonly Line[]])[] = [
  ['learner', LEARNER],
  ['key', [...PRIVILEGED, ...KEY]],
  ['staff', [...PRIVILEGED, ...STAFF]],
  ['keyStaff', [...KEY.slice(0, 3), ...STAFF.slice(2)]],
]

/** §3.2: the decision table, and the changes of the examples 45 to 60 of §5.1. */
export function decisionCases(names: Names): Case[] {
  const table = CALLERS.flatMap(([caller, lines]) => lines.map((line) => caseOf(names, '3.2 decisions', caller, line)))
  return [...table, ...changes().map((line) => caseOf(names, '5.1 45-60', 'key', line))]
}

function caseOf(names: Names, section: string, caller: Caller, line: Line): Case {
  const { learner } = names
  const courseId = names[line.in ?? 'open']
  const what = `${caller}: ${line.has} asks ${JSON.stringify(line.asks)}${line.in === undefined ? '' : ` in ${line.in}`}`
  const expected: Expected = typeof line.gets === 'number' ? { status: line.gets } : stands(line.gets, learner)
  return one(section, what, [caller, enroll(courseId, { user: learner, ...line.asks }), expected], {
    has: [[learner, courseId, line.has]],
    after: [[learner, courseId, typeof line.gets === 'number' ? line.has : line.gets]],
  })
}

/** Every combination of old and new mode and activity. */
function changes(): Line[] {
  const modes = ['honor', 'verified']
  const activities = ['active', 'inactive']
  return modes.flatMap((from) =>
    modes.flatMap((to) =>
      activities.flatMap((was) =>
        activities.map((is): Line => {
          const isMismatch = from !== to && was === 'active' && is === 'inactive'
          const asks = { mode: to, is_active: is === 'active' }
          return { has: `${was} ${from}`, asks, gets: isMismatch ? 400 : `${is} ${to}` }
        }),
      ),
    ),
  )
}
