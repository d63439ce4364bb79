import { expect, test } from 'vitest'
import { indentedByTabs } from '../../../entries/pack/indentation.ts'

test('code is indented by tabs, texts of several lines stay as they are', () => {
  const module = [
    'function f() {',
    '    const statement = `select',
    '        ${one(`column`)}',
    '    from t`;',
    "    const tick = '`';",
    '      return 1; // six spaces',
    '}',
  ].join('\n')
  expect(indentedByTabs(module, 4).split('\n')).toEqual([
    'function f() {',
    '\tconst statement = `select',
    '        ${one(`column`)}',
    '    from t`;',
    "\tconst tick = '`';",
    '\t  return 1; // six spaces',
    '}',
  ])
})
