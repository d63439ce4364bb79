import { describe, expect, test } from 'vitest'
import { availableModes, defaultMode, requiredAttributes } from '../../../core/course/mode.ts'
import { defaultPolicy } from '../../../core/policy.ts'
import { AFTER, BEFORE, NOW, mode } from '../enrollment/situations.ts'

const professionalSite = { ...defaultPolicy, defaultMode: 'professional' }

describe('the modes that a course run offers', () => {
  const modes = [mode('audit'), mode('verified', BEFORE), mode('masters', AFTER), mode('credit')]

  test('are all its modes in their order, expired ones only when asked for', () => {
    expect(slugs(availableModes(modes, { includeExpired: false }, defaultPolicy, NOW))).toEqual([
      'audit',
      'masters',
      'credit',
    ])
    expect(slugs(availableModes(modes, { includeExpired: true }, defaultPolicy, NOW))).toEqual([
      'audit',
      'verified',
      'masters',
      'credit',
    ])
  })

  test('include credit but where a learner may pick', () => {
    const pickable = availableModes(modes, { includeExpired: false, onlySelectable: true }, defaultPolicy, NOW)
    expect(slugs(pickable)).toEqual(['audit', 'masters'])
  })

  test('include one that expires at this very instant', () => {
    const last = [mode('verified', NOW.toISOString())]
    expect(slugs(availableModes(last, { includeExpired: false }, defaultPolicy, NOW))).toEqual(['verified'])
  })

  test.each([
    ['it has none', [], { includeExpired: false }],
    ['all have expired', [mode('verified', BEFORE)], { includeExpired: false }],
    ['there is only credit', [mode('credit')], { includeExpired: true, onlySelectable: true }],
  ])('are the site’s default mode where %s', (_, rows, filter) => {
    expect(availableModes(rows, filter, defaultPolicy, NOW)).toEqual([
      {
        slug: 'audit',
        name: 'Audit',
        minPrice: 0,
        suggestedPrices: '',
        currency: 'usd',
        expires: null,
        description: null,
        sku: null,
        bulkSku: null,
      },
    ])
    expect(slugs(availableModes(rows, filter, professionalSite, NOW))).toEqual(['professional'])
  })
})

describe('the mode of a request that names none', () => {
  test.each([
    ['audit before honor', ['honor', 'audit', 'verified'], 'audit'],
    ['honor where there is no audit', ['verified', 'honor'], 'honor'],
    ['the default where the run offers neither, although it then does not offer it', ['verified'], 'audit'],
    ['the default where the run offers nothing', [], 'audit'],
    ['the default where there is only credit', ['credit'], 'audit'],
  ])('is %s', (_, offered, expected) => {
    expect(
      defaultMode(
        offered.map((slug) => mode(slug)),
        defaultPolicy,
        NOW,
      ),
    ).toBe(expected)
  })

  test('is the site’s own default first', () => {
    expect(defaultMode([mode('audit'), mode('professional')], professionalSite, NOW)).toBe('professional')
    expect(defaultMode([mode('honor'), mode('audit')], professionalSite, NOW)).toBe('audit')
    expect(defaultMode([mode('verified')], professionalSite, NOW)).toBe('professional')
  })

  test('is never one that has expired', () => {
    expect(defaultMode([mode('audit', BEFORE), mode('honor')], defaultPolicy, NOW)).toBe('honor')
  })
})

test('only credit requires an attribute', () => {
  expect(requiredAttributes('credit')).toEqual(['credit:provider_id'])
  expect(requiredAttributes('verified')).toEqual([])
  expect(requiredAttributes(null)).toEqual([])
})

function slugs(modes: readonly { slug: string }[]): string[] {
  return modes.map(({ slug }) => slug)
}
