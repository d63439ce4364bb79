import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findRoute } from '../../../server/rest/routes.ts'
import { BASE, openDoor, type Door } from '../../support/rest.ts'

/** What Django's resolver says for the same paths with the patterns of rest-v1 §1.1; null: 404. */
const paths: [path: string, place: [route: string, ...texts: string[]] | null][] = [
  ['enrollment', ['R3']],
  ['%65nrollment', ['R3']],
  ['enrollment/', null],
  ['enrollment//', null],
  ['/enrollment', null],
  ['ENROLLMENT', null],
  ['enrollment%2F', null],
  ['enrollments_', null],
  ['unknown', null],
  ['', null],

  ['enrollment/course-v1:edX+DemoX+2014', ['R2', 'course-v1:edX+DemoX+2014']],
  ['enrollment/course-v1:edX%2BDemoX%2B2014', ['R2', 'course-v1:edX+DemoX+2014']],
  ['enrollment/course-v1%3AedX%2BDemoX%2b2014', ['R2', 'course-v1:edX+DemoX+2014']],
  ['enrollment/course-v1:edX+DemoX+2014/', null],
  ['enrollment/course-v1:edX+DemoX+2014%2F', null],
  ['enrollment/course-v1:edX DemoX 2014', null],
  ['enrollment/course-v1:edX%20DemoX%202014', null],
  ['enrollment/course-v1:edX+DemoX+2014%3Fx', null],
  ['enrollment/course-v1:edX+DemoX+2014+branch@draft', ['R2', 'course-v1:edX+DemoX+2014+branch@draft']],
  ['enrollment/course-v1:é+ü+ñ', ['R2', 'course-v1:é+ü+ñ']],
  ['enrollment/course-v1:%C3%A9+%C3%BC+%C3%B1', ['R2', 'course-v1:é+ü+ñ']],
  ['enrollment/edX/DemoX/2014', ['R2', 'edX/DemoX/2014']],
  ['enrollment/edX%2FDemoX%2F2014', ['R2', 'edX/DemoX/2014']],
  ['enrollment%2FedX/DemoX/2014', ['R2', 'edX/DemoX/2014']],
  ['enrollment/edX/DemoX/2014/', null],
  ['enrollment/edX/DemoX/2014/more', null],
  ['enrollment/edX/DemoX/', null],
  ['enrollment/edX//2014', null],
  ['enrollment/a+b+c', ['R2', 'a+b+c']],
  ['enrollment/a/b+c', ['R2', 'a/b+c']],
  ['enrollment/a+b/c', ['R2', 'a+b/c']],
  ['enrollment/a+b+c+d', ['R2', 'a+b+c+d']],
  ['enrollment/a+b+c+d/e', null],
  ['enrollment/a+b', null],
  ['enrollment/nokey', null],
  ['enrollment/a+b+', null],
  ['enrollment/+b+c', null],
  ['enrollment/a++c', null],
  ['enrollment/a%3Fb+c+d', ['R2', 'a?b+c+d']],
  ['enrollment/course-v1:a+b+c%23d', ['R2', 'course-v1:a+b+c#d']],
  ['enrollment/course-v1:a+b+c;d', ['R2', 'course-v1:a+b+c;d']],
  ['enrollment/course-v1:a+b+c%0A', ['R2', 'course-v1:a+b+c\n']],
  ['enrollment/course-v1:a+b+c%00', ['R2', 'course-v1:a+b+c\0']],
  ['enrollment/course-v1:a+b+c%FF', ['R2', 'course-v1:a+b+c%FF']],
  ['enrollment/course-v1:a+b+c%zz', ['R2', 'course-v1:a+b+c%zz']],
  ['enrollment/course-v1:a+b+c%', ['R2', 'course-v1:a+b+c%']],

  ['enrollment/bob,course-v1:edX+DemoX+2014', ['R1', 'bob', 'course-v1:edX+DemoX+2014']],
  ['enrollment/bob%2Ccourse-v1:edX+DemoX+2014', ['R1', 'bob', 'course-v1:edX+DemoX+2014']],
  ['enrollment/bob,edX/DemoX/2014', ['R1', 'bob', 'edX/DemoX/2014']],
  ['enrollment/bob,edX%2FDemoX%2F2014', ['R1', 'bob', 'edX/DemoX/2014']],
  ['enrollment/bob smith,a+b+c', ['R1', 'bob smith', 'a+b+c']],
  ['enrollment/bob%20smith,a+b+c', ['R1', 'bob smith', 'a+b+c']],
  ['enrollment/bob+smith,a+b+c', ['R1', 'bob+smith', 'a+b+c']],
  ['enrollment/bob%2Bsmith,a+b+c', ['R1', 'bob+smith', 'a+b+c']],
  ['enrollment/b.o-b_@x,a+b+c', ['R1', 'b.o-b_@x', 'a+b+c']],
  ['enrollment/josé,a+b+c', ['R1', 'josé', 'a+b+c']],
  ['enrollment/jos%C3%A9,a+b+c', ['R1', 'josé', 'a+b+c']],
  ['enrollment/李,a+b+c', ['R1', '李', 'a+b+c']],
  ['enrollment/٣,a+b+c', ['R1', '٣', 'a+b+c']],
  ['enrollment/½,a+b+c', ['R1', '½', 'a+b+c']],
  ['enrollment/bob,x,a+b+c', ['R1', 'bob', 'x,a+b+c']],
  ['enrollment/bob,a+b+c,d', ['R1', 'bob', 'a+b+c,d']],
  ['enrollment/b!b,a+b+c', ['R2', 'b!b,a+b+c']],
  ['enrollment/bob:x,a+b+c', ['R2', 'bob:x,a+b+c']],
  ['enrollment/b%00b,a+b+c', ['R2', 'b\0b,a+b+c']],
  ['enrollment/b%FFb,a+b+c', ['R2', 'b%FFb,a+b+c']],
  ['enrollment/b%CC%81b,a+b+c', ['R2', 'b\u0301b,a+b+c']],
  ['enrollment/,a+b+c', ['R2', ',a+b+c']],
  ['enrollment/b/ob,a+b+c', ['R2', 'b/ob,a+b+c']],
  ['enrollment/b/ob,c/d', ['R2', 'b/ob,c/d']],
  ['enrollment/bob,', null],
  ['enrollment/bob,nokey', null],
  ['enrollment/bob,a+b', null],
  ['enrollment/bob,a+b+c/', null],
  ['enrollment/bob,a+b+c/d', null],

  ['course/course-v1:edX+DemoX+2014', ['R5', 'course-v1:edX+DemoX+2014']],
  ['course/course-v1:edX%2BDemoX%2B2014', ['R5', 'course-v1:edX+DemoX+2014']],
  ['course/edX/DemoX/2014', ['R5', 'edX/DemoX/2014']],
  ['course/edX%2FDemoX%2F2014', ['R5', 'edX/DemoX/2014']],
  ['course%2Fa+b+c', ['R5', 'a+b+c']],
  ['course/a,b+c+d', ['R5', 'a,b+c+d']],
  ['course/edX/DemoX/2014/', null],
  ['course/a+b', null],
  ['course/', null],
  ['course', null],
  ['courses/a+b+c', null],

  ['enrollments', ['R4']],
  ['enrollments/', ['R4']],
  ['enrollments%2F', ['R4']],
  ['%65nrollments', ['R4']],
  ['enrollments//', null],
  ['enrollments/a+b+c', null],
  ['Enrollments', null],
  ['unenroll/', ['R6']],
  ['unenroll%2f', ['R6']],
  ['unenroll', ['slashMissing']],
  ['unenroll//', null],
  ['roles/', ['R7']],
  ['roles', ['slashMissing']],
  ['r%6Fles', ['slashMissing']],
  ['roles/x', null],
  ['role/', null],
  ['enrollment_allowed/', ['R8']],
  ['enrollment_allowed', ['slashMissing']],
  ['enrollment_allowed/a+b+c', null],
  ['bulk_enroll', null],
]

test.for(paths)('%s', ([path, expected]) => {
  expect(inWords(encodeURI(`${BASE}/${path}`).replaceAll('%25', '%'))).toEqual(expected)
})

test('a path outside the base path is nowhere', () => {
  expect(findRoute('/api/enrollment/v2/enrollment')).toBeNull()
})

test('one route is mounted elsewhere, with or without a slash at its end (rest-v1 §1.1 R9)', () => {
  expect(inWords('/api/bulk_enroll/v1/bulk_enroll')).toEqual(['R9'])
  expect(inWords('/api/bulk%5Fenroll/v1/bulk_enroll')).toEqual(['R9'])
  expect(inWords('/api/bulk_enroll/v1/bulk_enroll/')).toEqual(['R9'])
  expect(inWords('/api/bulk_enroll/v1/bulk_enroll//')).toBeNull()
  expect(inWords('/api/bulk_enroll/v1/')).toBeNull()
})

test('an address with its origin, as proxies send it', () => {
  expect(inWords(`http://enroll.example:8000${BASE}/course/a/b/c`)).toEqual(['R5', 'a/b/c'])
})

test('an encoded surrogate becomes a lone one, for the handler to refuse', () => {
  expect(inWords(`${BASE}/course/course-v1:a+b+%ED%A0%80`)).toEqual(['R5', 'course-v1:a+b+\uD800'])
  expect(inWords(`${BASE}/course/course-v1:a+b+%ED%A0%BD%ED%B8%80`)).toEqual(['R5', 'course-v1:a+b+\uD800\uD800'])
})

describe('over HTTP', () => {
  let door: Door
  beforeAll(async () => void (door = await openDoor()))
  afterAll(() => door[Symbol.asyncDispose]())

  // Nobody is signed in: a 401 shows that a route was found, a 404 that none was.
  test.for(paths)('%s', async ([path, expected]) => {
    const answer = await door.anonymous.get(`/${path}`)
    if (expected === null) {
      expect(answer).toMatchObject({ status: 404, text: '{"detail":"Not found."}' })
      expect(answer.headers).toMatchObject({ 'content-type': 'application/json' })
      expect(answer.headers).not.toHaveProperty('allow')
      return
    }
    const [route] = expected
    if (route === 'slashMissing') {
      expect(answer).toMatchObject({ status: 301, text: '' })
      expect(answer.headers).toMatchObject({ location: `${BASE}/${path}/` })
      expect(answer.headers).not.toHaveProperty('content-type')
      return
    }
    expect(answer.status).toBe(route === 'R5' ? 400 : 401)
    expect(answer.headers.allow).toBe(ALLOW[route] ?? 'GET, HEAD, OPTIONS')
  })

  test.for(['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS'])(
    '%s without the slash is sent there',
    async (method) => {
      const answer = await door.anonymous.send(method, '/roles?course_id=course-v1:a%2Bb%2Bc&x=1', {
        headers: { accept: 'text/html' },
      })
      expect(answer).toMatchObject({ status: 301, text: '' })
      expect(answer.headers['location']).toBe(`${BASE}/roles/?course_id=course-v1:a%2Bb%2Bc&x=1`)
    },
  )

  test('the route that is mounted elsewhere', async () => {
    const ask = (url: string) => door.app.inject({ method: 'POST', url })
    for (const url of ['/api/bulk_enroll/v1/bulk_enroll', '/api/bulk_enroll/v1/bulk_enroll/']) {
      const found = await ask(url)
      expect([found.statusCode, found.headers['allow']]).toEqual([401, 'POST, OPTIONS'])
    }
    for (const url of ['/api/bulk_enroll/v1/', '/api/bulk_enroll/v1/other']) {
      const missing = await ask(url)
      expect([missing.statusCode, missing.body]).toEqual([404, '{"detail":"Not found."}'])
    }
  })
})

const ALLOW: Record<string, string> = {
  R3: 'GET, POST, HEAD, OPTIONS',
  R6: 'POST, OPTIONS',
  R8: 'GET, POST, DELETE, HEAD, OPTIONS',
}

const FIXED = {
  enrollmentList: 'R3',
  enrollmentPages: 'R4',
  unenroll: 'R6',
  roles: 'R7',
  allowances: 'R8',
  bulkEnroll: 'R9',
}

function inWords(path: string): unknown[] | null {
  const match = findRoute(path)
  if (match === null) return null
  if (match === 'slashMissing') return [match]
  if (match.route === 'course') return ['R5', match.courseId]
  if (match.route !== 'enrollment') return [FIXED[match.route]]
  return match.username === null ? ['R2', match.courseId] : ['R1', match.username, match.courseId]
}
