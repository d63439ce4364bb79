import { describe, expect, test } from 'vitest'
import { acceptsJson, mediaTypeMatches } from '../../../../server/rest/django/media-type.ts'

// The answers of Django REST framework 3.14 to the same headers.
describe('Accept', () => {
  test.for([
    undefined,
    '*/*',
    'application/*',
    '*/json',
    'application/json',
    'APPLICATION/JSON',
    ' application/json ',
    'application/json, ',
    'application/json;version=2',
    'application/json; indent=4',
    'text/html, application/json;q=0',
    'text/html,*/*;q=0.1',
  ])('%o is satisfied by JSON', (accept) => expect(acceptsJson(accept)).toBe(true))

  test.for([
    '',
    '*',
    ';',
    'json',
    'text/html',
    'text/*',
    'application/xml',
    'application/json5',
    'a/b/application/json',
  ])('%o is not', (accept) => expect(acceptsJson(accept)).toBe(false))
})

describe('Content-Type', () => {
  test.for(['application/json', 'Application/JSON', 'application/json; charset=utf-8', 'application/json;x', '*/*'])(
    '%o is JSON',
    (type) => expect(mediaTypeMatches('application/json', type)).toBe(true),
  )

  test.for(['', 'text/plain', 'text/json', 'json', 'garbage', 'application/x-www-form-urlencoded'])(
    '%o is not',
    (type) => expect(mediaTypeMatches('application/json', type)).toBe(false),
  )
})
