import { parseCourseKey, type CourseKey } from '../../../core/course/key.ts'
import type { PageFilter } from '../../../core/enrollment/page.ts'
import { Refusal } from '../django/response.ts'
import type { Fields } from '../django/form.ts'

/**
 * Reads the filters of R4 from its query (rest-v1 §3.7). A parameter is trimmed as a whole, the items of its list are
 * not; an empty one is absent.
 *
 * @throws {Refusal} 400 with the first thing that is wrong with each parameter.
 */
export function readPageFilter(query: Fields): PageFilter {
  const errors: FieldErrors = {}
  const filter: PageFilter = {
    usernames: readUsernames(textOf(query, 'username'), errors),
    course: readCourse(textOf(query, 'course_id'), errors),
    courseKeyParts: readList(textOf(query, 'course_ids'), 'course_ids', errors),
    emails: readList(textOf(query, 'email'), 'email', errors),
  }
  if (Object.keys(errors).length > 0) throw new Refusal({ status: 400, body: { field_errors: errors } })
  return filter
}

type FieldErrors = Record<string, { developer_message: string }>

function textOf(query: Fields, name: string): string {
  return (query.get(name) ?? '').trim()
}

const MAX_ITEMS = 100

/** What the text about too many items calls them. */
const PLURALS = { username: 'usernames', course_ids: 'course_ids', email: 'emails' }

function readList(value: string, name: keyof typeof PLURALS, errors: FieldErrors): string[] | undefined {
  if (value === '') return undefined
  const items = value.split(',')
  if (items.length > MAX_ITEMS) {
    const text = `Too many ${PLURALS[name]} in a single request - ${items.length}. A maximum of ${MAX_ITEMS} is allowed`
    errors[name] = { developer_message: text }
  }
  return items
}

/** Stricter than accounts are: those with a dot in their name cannot be asked for here. */
const USERNAME = /^[-a-zA-Z0-9_]+$/

const USERNAME_TEXT = 'Usernames can only contain letters (A-Z, a-z), numerals (0-9), underscores (_), and hyphens (-).'

function readUsernames(text: string, errors: FieldErrors): string[] | undefined {
  const usernames = readList(text, 'username', errors)
  if (usernames?.every((username) => USERNAME.test(username)) === false) {
    errors['username'] ??= { developer_message: USERNAME_TEXT }
  }
  return usernames
}

function readCourse(text: string, errors: FieldErrors): CourseKey | undefined {
  if (text === '') return undefined
  const key = parseCourseKey(text)
  if (key === null) errors['course_id'] = { developer_message: `'${text}' is not a valid course id.` }
  return key ?? undefined
}
