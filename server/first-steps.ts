import type { Config } from './config.ts'
import { demoExample } from './demo/index.ts'
import type { Addresses } from './listeners.ts'
import { developmentSecretFile } from './secrets.ts'

/**
 * What a person reads after a start: where the listeners are and, beside the demo catalogue, two lines to paste into a shell
 * at the root of the project. The first enrolls over REST, the second in its own process.
 */
export function firstSteps(config: Config, addresses: Addresses): string {
  const inside =
    'internalUrl' in addresses
      ? `${addresses.internalUrl}, a page for operators at ${addresses.internalUrl}/console`
      : addresses.internalSocket
  const where = `\nEnrollment is ready: REST at ${addresses.url}, typed calls at ${inside}.\n`
  if (config.databaseUrl !== undefined) return `${where}\n`
  return `${where}Two lines to try, in another terminal at the root of the project:

${overRest(config, addresses.url)}

${inProcess(config)}

`
}

function overRest(config: Config, url: string): string {
  const body = JSON.stringify({
    user: demoExample.rest.username,
    course_details: { course_id: demoExample.rest.courseId },
  })
  const headers = `-H 'Content-Type: application/json' -H "X-Edx-Api-Key: ${apiKey(config)}"`
  return `curl -s ${url}/api/enrollment/v1/enrollment ${headers} -d '${body}'`
}

/** The key itself is not shown: it is read where the line is pasted. */
function apiKey(config: Config): string {
  if (config.givenSecrets.edxApiKeys !== undefined) return '${EDX_API_KEY%%,*}'
  return `$(cat ${quoted(developmentSecretFile(config.dataDir, 'edx-api-key'))})`
}

function inProcess(config: Config): string {
  const { username, courseId } = demoExample.cli
  const settings = config.dataDir === '.data' ? '' : `DATA_DIR=${quoted(config.dataDir)} `
  return `${settings}npm run --silent cli -- enroll ${username} ${courseId}`
}

function quoted(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
