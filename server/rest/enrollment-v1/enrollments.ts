import type { Enrollment } from '../../../core/enrollment/command.ts'
import {
  decodePageCursor,
  encodePageCursor,
  readEnrollmentPage,
  type PageCursor,
} from '../../../core/enrollment/page.ts'
import { Refusal, type ViewResponse } from '../django/response.ts'
import { developerMessageEnvelope } from '../django/error-envelope.ts'
import { readPageFilter } from './enrollments-filter.ts'
import type { Fields } from '../django/form.ts'
import { globalStaff } from '../auth/rights.ts'
import type { View, ViewRequest } from '../view.ts'

/** R4, `enrollments`: all enrollments, newest first, a page at a time (rest-v1 §3.7). */
export const enrollmentPagesView: View = {
  name: 'Course Enrollments Api List',
  authenticates: true,
  permits: globalStaff,
  errorEnvelope: developerMessageEnvelope,
  methods: { GET: readPage },
}

const PAGE_SIZE = 100

async function readPage({ db, query, url }: ViewRequest): Promise<ViewResponse> {
  const filter = readPageFilter(query)
  const cursor = readCursor(query.get('cursor') ?? '')
  const { items, next, previous } = await readEnrollmentPage(db, filter, { cursor, size: PAGE_SIZE })
  const addressOf = (page: PageCursor | null) => page && `${url}?${queryOf(page, query)}`
  return {
    status: 200,
    body: { next: addressOf(next), previous: addressOf(previous), results: items.map(renderListed) },
  }
}

/** An empty text is no cursor. */
function readCursor(text: string): PageCursor | null {
  if (text === '') return null
  const cursor = decodePageCursor(text)
  if (cursor === null) throw new Refusal({ status: 404, body: { developer_message: 'Invalid cursor' } })
  return cursor
}

/** The query of another page: all other parameters stay as they were. */
function queryOf(page: PageCursor, query: Fields): string {
  const parameters = new URLSearchParams([...query])
  parameters.set('cursor', encodePageCursor(page))
  parameters.sort()
  return parameters.toString()
}

function renderListed({ created, mode, isActive, username, courseId }: Enrollment) {
  return { created, mode, is_active: isActive, user: username, course_id: courseId }
}
