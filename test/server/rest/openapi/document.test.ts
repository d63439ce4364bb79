import { Validator } from '@seriousme/openapi-schema-validator'
import { describe, expect, test } from 'vitest'
import { builtInExtensions } from '../../../../server/extensions.ts'
import { openApiDocument, type OpenApiDocument } from '../../../../server/rest/openapi/document.ts'
import { createTestDatabase } from '../../../support/database.ts'
import { documentCheck, documentOfServer, type Received } from '../../../support/documented.ts'
import { buildTestApp } from '../../../support/server.ts'

describe('the document of the door', () => {
  const document = documentOfServer()

  test('is valid OpenAPI 3.1', async () => {
    expect(await new Validator().validate(structuredClone(document))).toEqual({ valid: true })
  })

  test('would not be with a wrong reference of its own kind', async () => {
    const broken = { ...structuredClone(document), info: { title: 'no version' } }
    expect(await new Validator().validate(broken)).toMatchObject({ valid: false })
  })

  test('has the nine routes, as clients know them', () => {
    expect(operationsOf(openApiDocument())).toEqual([
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

  test('has those of extensions after them', () => {
    expect(operationsOf(document).slice(9)).toEqual([
      'post /enterprise/api/v1/enterprise-customer/{customer}/enroll_learners_in_courses/',
      'post /enterprise/api/v1/enterprise-customer/{customer}/course_enrollments/',
      'post /enterprise/api/v1/licensed-enterprise-course-enrollment/license_revoke/',
      'post /enterprise/api/v1/licensed-enterprise-course-enrollment/bulk_licensed_enrollments_expiration/',
      'get /enterprise/api/v1/enterprise-subsidy-fulfillment/{fulfillment}/',
      'post /enterprise/api/v1/enterprise-subsidy-fulfillment/{fulfillment}/cancel-fulfillment',
      'get /enterprise/api/v1/operator/enterprise-subsidy-fulfillment/unenrolled/',
    ])
  })

  test('has every route of enterprise that there is', async () => {
    await using database = await createTestDatabase()
    const urls: string[] = []
    const watched = builtInExtensions.map((extension) => ({
      ...extension,
      routes: async (...[scope, options]: Parameters<NonNullable<typeof extension.routes>>) => {
        scope.addHook('onRoute', ({ url }) => void urls.push(url))
        await extension.routes?.(scope, options)
      },
    }))
    await using app = buildTestApp({ db: database.db, extensions: watched })
    await app.ready()
    const registered = urls
      .filter((url) => url.startsWith('/enterprise/'))
      .map((url) => plain(url.replaceAll(/:\w+(\([^)]*\))?/g, '{}')))
    const documented = Object.keys(document.paths).map((path) => plain(path.replaceAll(/\{\w+\}/g, '{}')))
    expect(new Set(registered)).toEqual(new Set(documented.filter((path) => path.startsWith('/enterprise/'))))
  })

  test('gives every body that is sent an example', () => {
    const bodies = Object.values(document.paths).flatMap((item) =>
      Object.values(item).flatMap((operation) =>
        'requestBody' in operation ? [JSON.stringify(operation.requestBody)] : [],
      ),
    )
    const names = new Set(
      bodies.flatMap((text) => [...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name ?? '')),
    )
    expect(names.size).toBeGreaterThan(6)
    for (const name of names) expect(document.components.schemas[name], name).toHaveProperty('examples')
  })

  test('refers to nothing that it does not have, and has nothing that it does not refer to', () => {
    const text = JSON.stringify(document)
    const referred = new Set([...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name))
    expect(referred).toEqual(new Set(Object.keys(document.components.schemas)))
    expect(text).not.toContain('$defs')
  })
})

function operationsOf(document: OpenApiDocument): string[] {
  return Object.entries(document.paths).map(([path, item]) => {
    const methods = Object.keys(item).filter((key) => ['get', 'post', 'put', 'patch', 'delete'].includes(key))
    return `${methods.join(' ')} ${path}`
  })
}

function plain(path: string): string {
  return path.replace(/\/$/, '')
}

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
