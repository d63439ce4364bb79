import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

const ROOT = join(import.meta.dirname, '../..')
const CODEGEN = join(ROOT, 'node_modules/kysely-codegen/dist/cli/bin.js')

/**
 * How the types that a configuration of kysely-codegen writes differ from those that would be generated now; empty when
 * they are equal.
 *
 * @param config the file, from the root of the project.
 */
export async function differencesOfTypes(connectionString: string, config: string): Promise<string> {
  const command = [CODEGEN, '--verify', '--config-file', config, '--url', connectionString]
  try {
    await promisify(execFile)(process.execPath, command, { cwd: ROOT })
    return ''
  } catch (error) {
    // Anything but a difference is a failure of the test.
    if (error instanceof Error && 'stderr' in error && /not up-to-date/.test(String(error.stderr))) {
      return String(error.stderr)
    }
    throw error
  }
}
