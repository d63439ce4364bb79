import { readFileSync } from 'node:fs'

// Prints how many tests passed and failed, from vitest's JSON report, and fails where the run did or where there were
// none. What fails outside of a test counts as one: a file that does not load, an error after the last test.
interface Report {
  numPassedTests: number
  numFailedTests: number
  testResults: { status: string; assertionResults: { status: string }[] }[]
}

const [path = '', exitCode] = process.argv.slice(2)
const report = JSON.parse(readFileSync(path, 'utf8')) as Report // vitest writes it
const brokenFiles = report.testResults.filter(
  (file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
)
const failed = report.numFailedTests + brokenFiles.length || (exitCode === '0' ? 0 : 1)
console.log(`${report.numPassedTests} passed, ${failed} failed`)
if (failed > 0 || report.numPassedTests === 0) process.exitCode = 1
