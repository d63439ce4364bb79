import { describe, expect, test } from 'vitest'
import { parsePythonJson } from '../../../../server/rest/django/json.ts'
import { pythonLiteral } from '../../../../server/rest/django/text.ts'

describe('what is no JSON is refused in the words of Python', () => {
  test.for([
    ['', 'Expecting value: line 1 column 1 (char 0)'],
    ['   ', 'Expecting value: line 1 column 4 (char 3)'],
    ['nope', 'Expecting value: line 1 column 1 (char 0)'],
    ['{', 'Expecting property name enclosed in double quotes: line 1 column 2 (char 1)'],
    ['[', 'Expecting value: line 1 column 2 (char 1)'],
    ['[1,]', 'Expecting value: line 1 column 4 (char 3)'],
    ['[1 2]', "Expecting ',' delimiter: line 1 column 4 (char 3)"],
    ['{"a":1,}', 'Expecting property name enclosed in double quotes: line 1 column 8 (char 7)'],
    ['{1:2}', 'Expecting property name enclosed in double quotes: line 1 column 2 (char 1)'],
    ["{'a':2}", 'Expecting property name enclosed in double quotes: line 1 column 2 (char 1)'],
    ['{"a" 1}', "Expecting ':' delimiter: line 1 column 6 (char 5)"],
    ['{"a":1 "b":2}', "Expecting ',' delimiter: line 1 column 8 (char 7)"],
    ['{"a":\n tru}', 'Expecting value: line 2 column 2 (char 7)'],
    ['["😀",]', 'Expecting value: line 1 column 6 (char 5)'],
    ['1 2', 'Extra data: line 1 column 3 (char 2)'],
    ['01', 'Extra data: line 1 column 2 (char 1)'],
    ['1.', 'Extra data: line 1 column 2 (char 1)'],
    ['-', 'Expecting value: line 1 column 1 (char 0)'],
    ['"abc', 'Unterminated string starting at: line 1 column 1 (char 0)'],
    ['"\u0001"', 'Invalid control character at: line 1 column 2 (char 1)'],
    ['"\\x"', 'Invalid \\escape: line 1 column 2 (char 1)'],
    ['"\\u12"', 'Invalid \\uXXXX escape: line 1 column 3 (char 2)'],
    ['\uFEFF{}', 'Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)'],
    ['NaN', "Out of range float values are not JSON compliant: 'NaN'"],
    ['{"a":Infinity}', "Out of range float values are not JSON compliant: 'Infinity'"],
    ['[-Infinity]', "Out of range float values are not JSON compliant: '-Infinity'"],
  ] as const)('%j: %s', ([text, words]) => {
    expect(() => parsePythonJson(text)).toThrow(expect.objectContaining({ name: 'JsonError', message: words }))
  })

  test('numbers of more digits than Python reads', () => {
    expect(() => parsePythonJson('1'.repeat(4301))).toThrow('Exceeds the limit (4300 digits)')
    expect(parsePythonJson('1'.repeat(4300))).toBe(BigInt('1'.repeat(4300)))
  })
})

test('of equal keys the last counts, and no key is special', () => {
  expect(pythonLiteral(parsePythonJson('{"a":1,"a":2,"__proto__":{"b":3}}'))).toBe("{'a': 2, '__proto__': {'b': 3}}")
})

describe('values in the spelling of Python', () => {
  test.for([
    ['null', 'None'],
    ['true', 'True'],
    ['false', 'False'],
    ['1', '1'],
    ['1.0', '1.0'],
    ['-0', '0'],
    ['-0.0', '-0.0'],
    ['1e5', '100000.0'],
    ['1e16', '1e+16'],
    ['123456789012345678', '123456789012345678'],
    ['0.0001', '0.0001'],
    ['0.00001', '1e-05'],
    ['123e-6', '0.000123'],
    ['1.5e-7', '1.5e-07'],
    ['1e999', 'inf'],
    ['-1e999', '-inf'],
    ['"a"', "'a'"],
    ['"it\'s"', '"it\'s"'],
    ['"it\'s \\"x\\""', "'it\\'s \"x\"'"],
    ['"\\n\\t\\\\\\u0007\\u00a0\\u2028é😀"', "'\\n\\t\\\\\\x07\\xa0\\u2028é😀'"],
    ['[]', '[]'],
    ['{}', '{}'],
    ['[null, [true], {"a": [1, "b"]}]', "[None, [True], {'a': [1, 'b']}]"],
  ] as const)('%s is %s', ([text, literal]) => expect(pythonLiteral(parsePythonJson(text))).toBe(literal))
})
