import { parseCourseKey } from '../../core/course/key.ts'
import type { Answer, Request } from './server.ts'
import { isObject, jsonOf } from './json-differences.ts'

/** A difference between an LMS and us that rest-v1 decides. All that it names has to be so. */
export interface KnownDifference {
  /** As in rest-v1 §0. */
  readonly section: string
  readonly what: string
  readonly methods?: readonly string[]
  /** Matches the path with its query, percent-decoded. */
  readonly path?: RegExp
  readonly lms: Side
  readonly here: Side
  /** What no pattern says. */
  readonly when?: (request: Request, lms: Answer, here: Answer) => boolean
}

interface Side {
  readonly status: readonly number[]
  /** Matches the text of the body. */
  readonly body?: RegExp
}

const NO_COURSE = /^\{"message":"No course found for course ID '/
const ANY_REFUSAL = [400, 404, 500]

/** What rest-v1 §0 decides, as far as it shows in an answer; the first that matches counts. */
export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    section: 'D10',
    what: 'NUL characters and lone surrogates are refused',
    path: /\0|\\u0000|%ED%[AB]/i,
    lms: { status: [200, 301, ...ANY_REFUSAL] },
    here: { status: [400], body: /must not contain NUL characters or lone surrogates/ },
  },
  {
    section: 'D15',
    what: 'a course key without an organisation is malformed',
    path: /course-v1:version@/,
    lms: { status: [200, ...ANY_REFUSAL] },
    here: { status: [400], body: /^\{"message":"No course/ },
  },
  {
    section: 'D1',
    what: 'a malformed course key is a 400, no 500',
    path: /\/(enrollment|course)\/|\/enrollment_allowed\//,
    lms: { status: [200, ...ANY_REFUSAL] },
    here: { status: [400], body: NO_COURSE },
    when: (_request, _lms, { text }) => isMalformed(text),
  },
  {
    section: 'D2',
    what: 'a body of the wrong type is a 400, no 500',
    methods: ['POST', 'DELETE'],
    lms: { status: [500] },
    here: { status: [400], body: /"(message|detail)":/ },
  },
  {
    section: 'D3',
    what: 'old course keys are enrollable',
    methods: ['POST'],
    lms: { status: [400], body: /An error occurred while creating the new course enrollment/ },
    here: { status: [200], body: /"is_active":/ },
    when: ({ body }) => courseOf(body)?.startsWith('course-v1:') === false,
  },
  {
    section: 'D6',
    what: 'a username is compared exactly',
    methods: ['GET'],
    lms: { status: [200, 404] },
    here: { status: [200, 404], body: /^(\[\]|)$|"results":\[\]/ },
    when: isOtherCase,
  },
  {
    section: 'D7',
    what: 'a cursor of /enrollments is of the server that gave it',
    methods: ['GET'],
    path: /\/enrollments\/?\?(.*&)?cursor=./,
    lms: { status: [200, 404] },
    here: { status: [200, 404], body: /Invalid cursor|"results":/ },
  },
  {
    section: 'D9',
    what: 'opaque bearer tokens are refused in other words',
    lms: { status: [401], body: /"error_code":/ },
    here: { status: [401], body: /"error_code":/ },
  },
  {
    section: 'D13',
    what: 'the 404 of an unknown route is JSON',
    lms: { status: [404], body: /^(?!\{)/ },
    here: { status: [404], body: /^\{"detail":"Not found\."\}$/ },
  },
  {
    section: 'D17',
    what: 'an opt-in of nobody is taken',
    methods: ['POST'],
    lms: { status: [500] },
    here: { status: [200], body: /"is_active":/ },
    when: ({ body = '' }) => body.includes('email_opt_in'),
  },
  {
    section: 'D19',
    what: 'a request has bounds',
    lms: { status: [200, 201, 204, 400, 500] },
    here: { status: [400, 413], body: /must not hold more than|must not be nested deeper|at most|too large/i },
    when: (_request, _lms, { status, text }) => status === 413 || /The request body|must hold at most/.test(text),
  },
  {
    section: 'D21',
    what: 'letters beyond ASCII in an e-mail address are folded by Unicode',
    methods: ['GET'],
    path: /[?&]email=[^&]*[^\0-\x7f]/,
    lms: { status: [200] },
    here: { status: [200] },
  },
  {
    section: 'D14',
    what: 'the body of OPTIONS may differ',
    methods: ['OPTIONS'],
    lms: { status: [200] },
    here: { status: [200] },
  },
]

/** The known difference that two answers to one request show; undefined: none. */
export function knownDifference(request: Request, lms: Answer, here: Answer): KnownDifference | undefined {
  const path = decoded(request.path)
  return KNOWN_DIFFERENCES.find(
    (known) =>
      (known.methods?.includes(request.method) ?? true) &&
      (known.path?.test(path) ?? true) &&
      shows(known.lms, lms) &&
      shows(known.here, here) &&
      (known.when?.(request, lms, here) ?? true),
  )
}

function shows({ status, body }: Side, answer: Answer): boolean {
  return status.includes(answer.status) && (body?.test(answer.text) ?? true)
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

function courseOf(body: string | undefined): string | undefined {
  const json = jsonOf(body ?? '')
  const details = isObject(json) ? json['course_details'] : undefined
  const courseId = isObject(details) ? details['course_id'] : undefined
  return typeof courseId === 'string' ? courseId : undefined
}

/** The LMS found somebody who is not written as asked, since MySQL compares without case. */
function isOtherCase({ path }: Request, { text }: Answer): boolean {
  const target = decoded(path)
  const asked = /\/enrollment\/([^,/?]+),/.exec(target)?.[1] ?? /[?&](?:user|username)=([^&]*)/.exec(target)?.[1]
  if (asked === undefined) return false
  const found = [...text.matchAll(/"user":"([^"]*)"/g)].map(([, user = '']) => user)
  const names = asked.split(',')
  return found.some((user) => !names.includes(user) && names.some((name) => fold(name) === fold(user)))
}

function fold(name: string): string {
  return name.normalize('NFD').replace(/\p{M}/gu, '').trim().toLowerCase()
}

/** Whether the course key in a refusal of ours is none. */
function isMalformed(text: string): boolean {
  const courseId = /No course found for course ID '(.*)'"\}$/s.exec(text)?.[1]
  return courseId !== undefined && parseCourseKey(courseId) === null
}
