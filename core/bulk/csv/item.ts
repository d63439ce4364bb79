import type { z } from 'zod'
import type { LearnerRef } from '../../learner/ref.ts'
import { attributePart, enterpriseUuid, itemRef, looseMode, reason } from '../../enrollment/field-schemas.ts'
import { isStorableText, storableText } from '../../text.ts'
import type { Column } from './columns.ts'

/** What a job does with each line (bulk.md §1). */
export type CsvAction = 'enroll' | 'unenroll' | 'change' | 'sync'

/** A line as an item of `enrollMany` (rpc §3.1), with the cohort; its ref is beside it. */
export type CsvItem = LearnerRef & {
  courseId: string
  mode?: string
  isActive?: boolean
  cohort?: string
  enterpriseUuid?: string
  attributes?: { namespace: string; name: string; value: string }[]
  reason?: string
}

/** Why a line is no item. */
export interface LineError {
  readonly code: 'invalidLine'
  readonly message: string
}

/** The cells of a line by what they hold; empty ones are not there. */
interface Draft {
  username?: string
  email?: string
  user_id?: string
  user?: string
  course_id?: string
  rest: Omit<CsvItem, 'username' | 'email' | 'userId' | 'courseId'>
}

/** Writes a cell into the draft; answers what is wrong with it. */
type ReadCell = (cell: string, draft: Draft) => string | undefined

/**
 * Makes a function from the cells of a line to its item; a text says what is wrong with them.
 *
 * @param course of lines that name none.
 */
export function itemReader(
  columns: readonly Column[],
  { action, course }: { readonly action: CsvAction; readonly course?: string | undefined },
): (cells: readonly string[]) => CsvItem | string {
  const readers = columns.map((column) => cellReader(column, action))
  return (cells) => {
    const draft: Draft = { rest: {} }
    for (const [index, read] of readers.entries()) {
      const problem = read(cells[index] ?? '', draft)
      if (problem !== undefined) return problem
    }
    const learner = learnerOf(draft)
    if (learner === undefined) return 'The line names no learner.'
    const courseId = draft.course_id ?? course
    if (courseId === undefined) return 'The line names no course run: course_id is empty.'
    const { rest } = draft
    if (
      action === 'change' &&
      rest.mode === undefined &&
      rest.isActive === undefined &&
      rest.attributes === undefined
    ) {
      return 'The line changes nothing: give a mode, is_active or an attribute.'
    }
    return { ...learner, courseId, ...rest }
  }
}

/** An e-mail address has an `@`, and no username has. */
function learnerOf({ username, email, user_id: userId, user }: Draft): LearnerRef | undefined {
  if (username !== undefined) return { username }
  if (email !== undefined) return { email }
  if (userId !== undefined) return { userId }
  if (user === undefined) return undefined
  return user.includes('@') ? { email: user } : { username: user }
}

function cellReader(column: Column, action: CsvAction): ReadCell {
  switch (column.kind) {
    case 'username':
    case 'email':
    case 'user_id':
    case 'user':
    case 'course_id': {
      const { kind } = column
      return nameReader(kind, (draft, text) => (draft[kind] = text))
    }
    case 'mode':
      return textReader(
        'mode',
        looseMode.refine(isStorableText, { error: NOT_STORABLE }),
        (rest, text) => (rest.mode = text),
      )
    case 'cohort':
      return textReader('cohort', storableText(255), (rest, text) => (rest.cohort = text))
    case 'enterprise_uuid':
      return textReader('enterprise_uuid', enterpriseUuid, (rest, text) => (rest.enterpriseUuid = text))
    case 'reason':
      return textReader('reason', reason, (rest, text) => (rest.reason = text))
    case 'ref':
      return textReader('ref', itemRef, () => undefined)
    case 'is_active':
      // Who is to be unenrolled, or is on a roster, is so by the line itself.
      return action === 'unenroll' ? ignore : readActive
    case 'attribute': {
      const { namespace, name } = column
      return textReader(`attribute:${namespace}:${name}`, attributePart, (rest, value) => {
        rest.attributes = [...(rest.attributes ?? []), { namespace, name, value }]
      })
    }
    case 'result':
    case 'unknown':
  }
  return ignore
}

function ignore(): undefined {
  return undefined
}

const NOT_STORABLE = 'Text must not contain NUL characters or lone surrogates'

function nameReader(name: string, write: (draft: Draft, text: string) => void): ReadCell {
  return (cell, draft) => {
    const text = cell.trim()
    if (text === '') return undefined
    if (!isStorableText(text)) return `${name}: ${NOT_STORABLE}`
    write(draft, text)
    return undefined
  }
}

function textReader(
  name: string,
  schema: z.ZodType<string>,
  write: (rest: Draft['rest'], text: string) => void,
): ReadCell {
  // Most lines of a file have the same mode, reason or attribute.
  let last = ''
  return (cell, { rest }) => {
    const text = cell.trim()
    if (text === '') return undefined
    if (text !== last) {
      const parsed = schema.safeParse(text)
      if (!parsed.success) return `${name}: ${parsed.error.issues[0]?.message}`
      last = text
    }
    write(rest, text)
    return undefined
  }
}

/** In any case; an empty cell is true (bulk.md §2). */
function readActive(cell: string, { rest }: Draft): string | undefined {
  const text = cell.trim().toLowerCase()
  const value = ACTIVE.get(text)
  if (value === undefined)
    return `is_active: “${text.slice(0, 60).toWellFormed()}” is none of true, false, 1, 0, yes, no`
  rest.isActive = value
  return undefined
}

const ACTIVE = new Map([
  ...['', 'true', '1', 'yes'].map((text) => [text, true] as const),
  ...['false', '0', 'no'].map((text) => [text, false] as const),
])
