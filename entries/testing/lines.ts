import { randomUUID } from 'node:crypto'
import type { LineInput, LineType } from '../../core/import-export/lines.ts'

export type LearnerLine = LineInput<'user'>
export type CourseRunLine = LineInput<'course'>
export type ModeLine = LineInput<'mode'>

export interface CustomerLine {
  readonly type: 'customer'
  readonly uuid: string
  readonly name: string
  readonly slug?: string | null
}

/** A line of the import format; `type` says which (run §4). Those of enterprise and of extensions have no type of their own. */
export type SeedLine = LineInput<LineType> | CustomerLine | { readonly type: string }

type Given<L extends { type: string }> = Partial<Omit<L, 'type'>>

/** A learner with an account, a name that nobody has, and an address at example.com, unless they are given. */
export function learnerLine({ username = unique('learner'), ...given }: Given<LearnerLine> = {}): LearnerLine {
  return { type: 'user', username, email: `${username}@example.com`, ...given }
}

/** A course run that is open, without a limit. It offers no mode yet: add a {@link modeLine} for each. */
export function courseRunLine({
  courseId = `course-v1:Test+${unique('Course')}+2026`,
  ...given
}: Given<CourseRunLine> = {}): CourseRunLine {
  return { type: 'course', courseId, ...given }
}

/** A mode that a course run offers, `audit` unless given. */
export function modeLine({ slug = 'audit', ...given }: Pick<ModeLine, 'courseId'> & Given<ModeLine>): ModeLine {
  return { type: 'mode', slug, ...given }
}

/** A customer, with a UUID and a name unless they are given. */
export function customerLine({
  uuid = randomUUID(),
  name = unique('Customer'),
  ...given
}: Given<CustomerLine> = {}): CustomerLine {
  return { type: 'customer', uuid, name, ...given }
}

function unique(prefix: string): string {
  return `${prefix}-${randomUUID().slice(0, 8)}`
}
