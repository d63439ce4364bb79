import { TRPCClientError } from '@trpc/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { plainCommand } from '../core/enrollment/command.ts'
import { enroll } from '../core/enrollment/enroll.ts'
import { defaultPolicy } from '../core/policy.ts'
import { createClient, type Client } from '../routers/client.ts'
import type { AppRouter } from '../routers/index.ts'
import { createCaller, enrollmentErrorFrom } from '../routers/index.ts'
import { createTestDatabase, type TestDatabase } from './support/database.ts'
import { addAllowance, addCourse, addLearner, addRole } from './support/seed.ts'
import { buildTestApp, openTestServer, secrets } from './support/server.ts'

const actor = { kind: 'service', name: 'parity' } as const

interface Wish {
  username: string
  courseId: string
  mode?: string
}

/** Enrolls through one way in; undefined where it worked, otherwise the reason in the words of that way. */
type WayIn = (wish: Wish) => Promise<string | undefined>

let database: TestDatabase
let server: Awaited<ReturnType<typeof openTestServer>>
let client: Client
beforeAll(async () => {
  database = await createTestDatabase()
  server = await openTestServer(buildTestApp({ db: database.db, env: { RATE_LIMITS: 'off' } }))
  client = createClient({ url: server.internal, token: 'token-of-enterprise' })
})
afterAll(async () => {
  await client.close()
  await server[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

const typed = (error: unknown) => {
  if (error instanceof TRPCClientError) return String((error as TRPCClientError<AppRouter>).data?.reason)
  return enrollmentErrorFrom(error)?.code ?? String(error)
}

const ways: Record<'core' | 'caller' | 'client' | 'rest', WayIn> = {
  core: ({ username, courseId, mode = null }) =>
    enroll(
      database.db,
      { ...plainCommand, learner: { username }, courseId, path: 'enroll', mode, isActive: true },
      { actor, via: 'caller', now: new Date() },
      defaultPolicy,
    ).then(() => undefined, typed),
  caller: (wish) =>
    createCaller({ db: database.db, actor })
      .enrollment.enroll(wish)
      .then(() => undefined, typed),
  client: (wish) => client.enrollment.enroll.mutate(wish).then(() => undefined, typed),
  rest: async ({ username, courseId, mode }) => {
    const answer = await fetch(`${server.url}/api/enrollment/v1/enrollment`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-edx-api-key': secrets.edxApiKeys[0] ?? '' },
      body: JSON.stringify({ user: username, mode, course_details: { course_id: courseId } }),
    })
    const { message } = (await answer.json()) as { message?: string }
    return answer.ok ? undefined : `${answer.status} ${message?.split(' ').slice(0, 2).join(' ')}`
  },
}

const PAST = '2020-01-01T00:00:00Z'
const FUTURE = '2099-01-01T00:00:00Z'
const REFUSED = '400 An error'

interface Situation {
  /** Makes the world of one row and returns the wish. */
  given(db: TestDatabase['db']): Promise<Wish>
  /** What is there afterwards, and the kinds of its events; null: nothing. */
  becomes: { mode: string; isActive: boolean; events: string[] } | null
  /** The reason of a refusal: in the typed words, and in those of the legacy door. */
  refused?: [typed: string, rest: string]
}

const created = (mode: string) => ({ mode, isActive: true, events: ['created'] })
const learnerOf = async (db: TestDatabase['db'], columns = {}) => (await addLearner(db, columns)).username
const wishFor = (columns: Parameters<typeof addCourse>[1], mode?: string): Situation['given'] => {
  return async (db) => ({
    username: await learnerOf(db),
    courseId: await addCourse(db, columns),
    ...(mode === undefined ? {} : { mode }),
  })
}

const situations: Record<string, Situation> = {
  'an open course run, no mode asked': { given: wishFor({}), becomes: created('audit') },
  'an open course run, another mode': { given: wishFor({}, 'verified'), becomes: created('verified') },
  'a course run without modes': { given: wishFor({ modes: [] }), becomes: created('audit') },
  'only honor and verified, no mode asked': {
    given: wishFor({ modes: ['verified', 'honor'] }),
    becomes: created('honor'),
  },
  'an unknown learner': {
    given: async (db) => ({ username: 'nobody-at-all', courseId: await addCourse(db) }),
    becomes: null,
    refused: ['learnerNotFound', '406 The user'],
  },
  'an unknown course run': {
    given: async (db) => ({ username: await learnerOf(db), courseId: 'course-v1:No+Such+Run' }),
    becomes: null,
    refused: ['courseNotFound', '400 No course'],
  },
  'a malformed key': {
    given: async (db) => ({ username: await learnerOf(db), courseId: 'no-key' }),
    becomes: null,
    refused: ['invalidCourseKey', '400 No course'],
  },
  'a mode that is not offered': {
    given: wishFor({ modes: ['audit'] }, 'verified'),
    becomes: null,
    refused: ['modeUnavailable', '400 The [verified]'],
  },
  'a mode that has expired': {
    given: wishFor({ modes: ['audit', ['verified', PAST]] }, 'verified'),
    becomes: null,
    refused: ['modeUnavailable', '400 The [verified]'],
  },
  'a window that is over': {
    given: wishFor({ enrollment_end: PAST }),
    becomes: null,
    refused: ['enrollmentClosed', REFUSED],
  },
  'a window that has not begun': {
    given: wishFor({ enrollment_start: FUTURE }),
    becomes: null,
    refused: ['enrollmentClosed', REFUSED],
  },
  'an invitation that is missing': {
    given: wishFor({ invitation_only: true }),
    becomes: null,
    refused: ['enrollmentClosed', REFUSED],
  },
  'an invitation by e-mail address': {
    given: async (db) => {
      const { username, email } = await addLearner(db)
      const courseId = await addCourse(db, { invitation_only: true, enrollment_end: PAST })
      await addAllowance(db, email.toUpperCase(), courseId)
      return { username, courseId }
    },
    becomes: created('audit'),
  },
  'global staff outside the window': {
    given: async (db) => ({
      username: await learnerOf(db, { is_staff: true }),
      courseId: await addCourse(db, { enrollment_end: PAST }),
    }),
    becomes: created('audit'),
  },
  'no seat left': { given: wishFor({ max_enrollments: 0 }), becomes: null, refused: ['courseFull', REFUSED] },
  'a course run of the LMS': {
    given: wishFor({ owner: 'lms' }),
    becomes: null,
    refused: ['ownedByLms', '403 Enrollments in'],
  },
  'the last seat, beside an instructor who takes none': {
    given: async (db) => {
      const courseId = await addCourse(db, { max_enrollments: 1 })
      const instructor = await addLearner(db)
      await addRole(db, instructor, 'instructor', courseId)
      await ways.core({ username: instructor.username, courseId })
      return { username: await learnerOf(db), courseId }
    },
    becomes: created('audit'),
  },
  'an enrollment that is active already': {
    given: async (db) => {
      const wish = await wishFor({})(db)
      await ways.core(wish)
      return wish
    },
    becomes: created('audit'),
  },
  'an enrollment that was left, no mode asked': {
    given: async (db) => {
      const wish = await wishFor({})(db)
      await ways.core({ ...wish, mode: 'verified' })
      await createCaller({ db, actor }).enrollment.change({ ...wish, isActive: false })
      return wish
    },
    becomes: { mode: 'audit', isActive: true, events: ['created', 'deactivated', 'reactivated'] },
  },
}

describe.each(Object.entries(situations))('%s', (_name, { given, becomes, refused }) => {
  test.each(Object.entries(ways))('%s', async (name, wayIn) => {
    const wish = await given(database.db)
    expect(await wayIn(wish)).toBe(name === 'rest' ? refused?.[1] : refused?.[0])
    expect(await stateOf(wish)).toEqual(becomes)
  })
})

/** The enrollment as the database has it, with the kinds of its events in order. */
async function stateOf({ username, courseId }: Wish): Promise<Situation['becomes']> {
  const rows = await database.db
    .selectFrom('enrollments as e')
    .innerJoin('learners as l', 'l.id', 'e.learner_id')
    .innerJoin('courses as c', 'c.id', 'e.course_id')
    .innerJoin('enrollment_events as v', 'v.enrollment_id', 'e.id')
    .select(['e.mode', 'e.is_active', 'e.version', 'v.kind'])
    .where('l.username', '=', username)
    .where('c.course_key', '=', courseId)
    .orderBy('v.version')
    .execute()
  const [row] = rows
  if (row === undefined) return null
  expect(row.version).toBe(rows.length)
  return { mode: row.mode, isActive: row.is_active, events: rows.map(({ kind }) => kind) }
}
