import { Validator } from '@seriousme/openapi-schema-validator'
import { describe, expect, test } from 'vitest'
import { openApiDocument } from '../../../../server/rest/openapi/document.ts'
import { documentCheck, type Received } from '../../../support/documented.ts'

describe('the document of the door', () => {
  const document = openApiDocument()

  test('is valid OpenAPI 3.1', async () => {
    expect(await new Validator().validate(structuredClone(document))).toEqual({ valid: true })
  })

  test('would not be with a wrong reference of its own kind', async () => {
    const broken = { ...structuredClone(document), info: { title: 'no version' } }
    expect(await new Validator().validate(broken)).toMatchObject({ valid: false })
  })

  test('has the nine routes, as clients know them', () => {
    const paths = Object.entries(document.paths).map(([path, item]) => {
      const methods = Object.keys(item).filter((key) => ['get', 'post', 'put', 'patch', 'delete'].includes(key))
      return `${methods.join(' ')} ${path}`
    })
    expect(paths).toEqual([
      'get /api/enrollment/v1/enrollment/{username},{course_id}',
      'get /api/enrollment/v1/enrollment/{course_id}',
      'get post /api/enrollment/v1/enrollment',
      'get /api/enrollment/v1/enrollments',
      'get /api/enrollment/v1/course/{course_id}',
      'post /api/enrollment/v1/unenroll/',
      'get /api/enrollment/v1/roles/',
      'get post delete /api/enrollment/v1/enrollment_allowed/',
      'post /api/bulk_enroll/v1/bulk_enroll',
    ])
  })

  test('refers to nothing that it does not have, and has nothing that it does not refer to', () => {
    const text = JSON.stringify(document)
    const referred = new Set([...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name))
    expect(referred).toEqual(new Set(Object.keys(document.components.schemas)))
    expect(text).not.toContain('$defs')
  })
})

// The clients of the tests ask this check about every answer.
describe('an answer that is not documented is told:', () => {
  const check = documentCheck()
  const json = { 'content-type': 'application/json' }
  const ok = { status: 200, headers: json, text: '{"roles":[],"is_staff":false}' }
  const rolesUrl = '/api/enrollment/v1/roles/?course_id=a'

  test.each<[what: string, method: string, url: string, received: Received, fault: RegExp | null]>([
    ['none', 'GET', rolesUrl, ok, null],
    ['its status', 'GET', rolesUrl, { ...ok, status: 418 }, /418 is not documented/],
    ['a field too many', 'GET', rolesUrl, { ...ok, text: '{"roles":[],"is_staff":false,"x":1}' }, /additional/],
    ['a field too few', 'GET', rolesUrl, { ...ok, text: '{"roles":[]}' }, /is_staff/],
    ['an empty body', 'GET', rolesUrl, { ...ok, text: '' }, /body is empty/],
    ['no type', 'GET', rolesUrl, { ...ok, headers: {} }, /not called JSON/],
    ['none, without a body', 'HEAD', rolesUrl, { ...ok, text: '' }, null],
    ['none, where nobody is enrolled', 'GET', '/api/enrollment/v1/enrollment/a+b+c', { ...ok, text: '' }, null],
    ['a body', 'POST', '/api/enrollment/v1/unenroll/', { ...ok, status: 204 }, /there is a body/],
    [
      'a missing header',
      'GET',
      rolesUrl,
      { ...ok, status: 401, text: '{"detail":"x"}' },
      /WWW-Authenticate is missing/,
    ],
    ['another method', 'PUT', rolesUrl, ok, /200 is not documented/],
    ['another path', 'GET', '/api/enrollment/v1/nothing', ok, /200 is not 404/],
  ])('%s', (_, method, url, received, fault) => {
    const faults = check({ method, url, headers: {} }, received).join()
    if (fault === null) expect(faults).toBe('')
    else expect(faults).toMatch(fault)
  })

  test('a body that the door should not have accepted', () => {
    const sent = { method: 'POST', url: '/api/enrollment/v1/unenroll/', headers: json, body: '{"username":7}' }
    expect(check(sent, { status: 204, headers: {}, text: '' }).join()).toMatch(/accepted although.*username/)
  })
})
