import { expect, test } from 'vitest'
import { describeUpload } from '../../../../server/cli/bulk/upload-progress.ts'

test('a file that is put up says how much of it has gone', () => {
  expect(describeUpload(520e6, 1e9)).toBe('Putting up the file ████████████░░░░░░░░░░░░ 52 %  520 of 1,000 MB')
  expect(describeUpload(520e6, null)).toBe('Putting up the file  520 MB')
  // It has become longer meanwhile.
  expect(describeUpload(3e6, 2e6)).toContain('100 %')
})
