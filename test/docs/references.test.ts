import { describe, expect, test } from 'vitest'
import { contractOf, readContracts } from './contract.ts'
import { CODE, PROSE, readFiles } from './files.ts'
import { brokenReferences, countReferences } from './references.ts'

const contracts = readContracts()
const files = readFiles(CODE, '.env.example', ...PROSE).filter(({ path }) => !path.startsWith('test/docs/'))

describe('references to the contracts', () => {
  test('lead to a heading or a row of docs/contract', () => {
    expect(files.flatMap((file) => brokenReferences(file, contracts))).toEqual([])
  })

  test('are found', () => {
    const inCode = files.filter(({ path }) => path.endsWith('.ts'))
    expect(inCode.reduce((sum, file) => sum + countReferences(file), 0)).toBeGreaterThan(100)
  })
})

describe('references to decisions', () => {
  const decisions = readFiles('docs/decisions/*.md').map(({ path }) => Number(/(\d{4})-/.exec(path)?.[1]))

  test('each decision has a number of its own', () => {
    expect(decisions).toEqual([...new Set(decisions)])
  })

  test('lead to one of docs/decisions', () => {
    const named = files.flatMap(({ path, text }) =>
      [...text.matchAll(/\bdecision (\d+)\b/g)].map(([, number]) => ({ path, number: Number(number) })),
    )
    expect(named.length).toBeGreaterThan(5)
    expect(named.filter(({ number }) => !decisions.includes(number))).toEqual([])
  })
})

describe('what leads nowhere is found', () => {
  const rest = contractOf({
    text: `
# A contract
## 0. Decisions
| # | topic |
| --- | --- |
| D1 | one |
## 3. Endpoints
### 3.2 POST
| # | check |
| --- | --- |
| 15a | first |
| 16 | second |
## 6. Quirks
1. The only one.
`,
  })
  const enterprise = contractOf({
    text: `
## C.0 Decisions
| # | decision |
| --- | --- |
| E1 | one |
## Facts
### C.9 Related
| operation | answers |
| --- | --- |
| cancel | 204 |
| revoke | 200 |
`,
  })
  const small = new Map([
    ['rest-v1', rest],
    ['enterprise', enterprise],
  ])
  const broken = (text: string, path = 'core/x.ts') => brokenReferences({ path, text }, small)

  test.each([
    '(rest-v1 §3.2)',
    '(rest-v1 §3.2 rows 15 to 16, D1)',
    '(rest-v1 §6.1)',
    '(rest-v1 §3.2 row 15a and §6)',
    'rest-v1.md 3.2',
    '// a rule (rest-v1\n * §3.2, D1)',
    '(enterprise C.0 E1; C.9 rows 1 and 2)',
    'D1 and E1 by themselves, and C.9 row 2',
    'course-v1:a+b+D9',
  ])('“%s” leads somewhere', (text) => {
    expect(broken(text)).toEqual([])
  })

  test.each([
    ['(rest-v1 §3.3)', 1],
    ['(rest-v1 §3.2, §4, D1)', 1],
    ['(rest-v1 §3.2 row 17)', 1],
    ['(rest-v1 §3.2 rows 15 to 17)', 1],
    ['(rest-v1 D2, D3)', 2],
    ['(rest-v1 §6.2)', 1],
    ['rest-v1.md 3.4', 1],
    ['// a rule (rest-v1\n// §3.2, §9)', 1],
    ['(enterprise C.9 row 3)', 1],
    ['(enterprise E2)', 1],
    ['(rpc §1)', 1],
    ['D2 by itself', 1],
    ['C.8 by itself', 1],
    ['(§3.2)', 1],
    ['(rest-v1 3.2)', 1],
  ])('“%s” does not', (text, count) => {
    expect(broken(text)).toHaveLength(count)
  })
})
