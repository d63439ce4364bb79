import { InvalidArgumentError, type Command } from 'commander'
import type { AttributeWire } from '../../routers/inputs.ts'
import { printResult } from './caller.ts'
import { outcomeLine } from './enrollment-lines.ts'
import { positiveNumber } from './option-values.ts'
import type { Session } from './session.ts'
import { learnerAndCourseNamed, learnerNamed, withLearnerAndCourse, type NamedOptions } from './who.ts'

interface ChangeOptions extends NamedOptions {
  readonly mode?: string
  readonly active?: boolean
  readonly inactive?: boolean
  readonly allowExpiredMode?: boolean
  readonly attribute?: AttributeWire[]
  readonly expectedVersion?: number
  readonly reason?: string
  readonly json?: boolean
}

/** `enrollment change`: changes mode, activation or attributes of an enrollment that exists. */
export function addChange(group: Command, session: Session): void {
  const command = withLearnerAndCourse(group.command('change'))
  command
    .summary('change mode, activation or attributes of an enrollment')
    .description('Changes an enrollment that exists; what is not given stays. Ends with 1 where a rule refuses it.')
    .option('--mode <slug>', 'mode of enrollment')
    .option('--active', 'activate it')
    .option('--inactive', 'deactivate it')
    .option('--allow-expired-mode', 'take a mode that is no longer offered')
    .option('--attribute <namespace:name=value...>', 'replace all attributes by these', attributes)
    .option('--expected-version <number>', 'only where the enrollment is at this version', positiveNumber)
    .option('--reason <text>', 'for the audit trail')
    .option('--json', 'print one JSON object: the outcome, or the error')
    .addHelpText(
      'after',
      `
Examples:
  $ npm run cli -- enrollment change bob course-v1:edX+DemoX+2026 --mode verified --reason "ticket 4711"
  $ npm run cli -- enrollment change bob course-v1:edX+DemoX+2026 --mode credit --attribute credit:provider_id=hogwarts`,
    )
    .action(async (first: string | undefined, second: string | undefined, options: ChangeOptions) => {
      const { learner, courseId } = learnerAndCourseNamed(command, first, second, options)
      const { mode, active, inactive, attribute, expectedVersion, reason, json } = options
      if (active === true && inactive === true) {
        command.error('error: --active and --inactive exclude each other', { exitCode: 2 })
      }
      const isActive = active === inactive ? undefined : active === true
      if (mode === undefined && isActive === undefined && attribute === undefined) {
        command.error('error: say what changes: --mode, --active, --inactive or --attribute', { exitCode: 2 })
      }
      const allowExpiredMode = options.allowExpiredMode === true
      const input = { mode, isActive, allowExpiredMode, attributes: attribute, expectedVersion, reason }
      await printResult(session, ({ enrollment }) => enrollment.change({ ...learner, courseId, ...input }), {
        json,
        text: outcomeLine,
      })
    })
}

function attributes(text: string, before: AttributeWire[] = []): AttributeWire[] {
  const [, namespace, name, value] = /^([^:=]+):([^=]+)=(.*)$/s.exec(text) ?? []
  if (namespace === undefined || name === undefined || value === undefined) {
    throw new InvalidArgumentError('It is a namespace, a name and a value: credit:provider_id=hogwarts.')
  }
  return [...before, { namespace, name, value }]
}

interface UnenrollOptions extends NamedOptions {
  readonly all?: boolean
  readonly reason?: string
  readonly json?: boolean
}

/** `enrollment unenroll`: deactivates one enrollment of a learner, or all of them. */
export function addUnenroll(group: Command, session: Session): void {
  const command = withLearnerAndCourse(group.command('unenroll'))
  command
    .summary('deactivate an enrollment')
    .description('Deactivates the enrollment of a learner in a course run, or with --all every one.')
    .option('--all', 'from every course run')
    .option('--reason <text>', 'for the audit trail')
    .option('--json', 'print one JSON object: the outcome, with --all {"outcomes"}, or the error')
    .addHelpText(
      'after',
      `
Examples:
  $ npm run cli -- enrollment unenroll bob course-v1:edX+DemoX+2026 --reason "ticket 4711"
  $ npm run cli -- enrollment unenroll bob --all`,
    )
    .action(async (first: string | undefined, second: string | undefined, options: UnenrollOptions) => {
      const { all, json, reason } = options
      if (all !== true) {
        const named = learnerAndCourseNamed(command, first, second, options)
        const input = { ...named.learner, courseId: named.courseId, isActive: false, reason }
        await printResult(session, ({ enrollment }) => enrollment.change(input), { json, text: outcomeLine })
        return
      }
      if (second !== undefined || options.course !== undefined) {
        command.error('error: --all is every course run: leave the course run out', { exitCode: 2 })
      }
      const learner = learnerNamed(command, first, options)
      await printResult(session, ({ enrollment }) => enrollment.unenrollAll({ ...learner, reason }), {
        json,
        text: ({ outcomes }) => outcomes.map(outcomeLine).join('') || 'There was no active enrollment.\n',
      })
    })
}
