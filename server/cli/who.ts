import type { Command } from 'commander'
import type { LearnerRef } from '../../core/learner/ref.ts'

/** How a learner and a course run are named on the command line. */
export interface NamedOptions {
  readonly username?: string
  readonly email?: string
  readonly userId?: string
  readonly course?: string
}

/** Adds what names a learner: `[user]`, or one of the options. */
export function withLearner(command: Command): Command {
  return command
    .argument('[user]', 'the learner by username or, with an @ in it, by e-mail address')
    .option('--username <name>', 'the learner by username')
    .option('--email <address>', 'the learner by e-mail address')
    .option('--user-id <id>', 'the learner by id')
}

/** Adds what names a learner and a course run: `[user] [course]`, or the options. */
export function withLearnerAndCourse(command: Command): Command {
  return withLearner(command)
    .argument('[course]', 'key of the course run')
    .option('--course <key>', 'key of the course run')
}

/** The learner, who is named once. */
export function learnerNamed(command: Command, name: string | undefined, options: NamedOptions): LearnerRef {
  const { username, email, userId } = options
  const learners: LearnerRef[] = []
  if (name !== undefined) learners.push(name.includes('@') ? { email: name } : { username: name })
  if (username !== undefined) learners.push({ username })
  if (email !== undefined) learners.push({ email })
  if (userId !== undefined) learners.push({ userId })
  const [learner] = learners
  if (learner !== undefined && learners.length === 1) return learner
  return command.error('error: name the learner once: by username, --email or --user-id', { exitCode: 2 })
}

/** The learner and the course run: each is named once, by an argument or by an option. */
export function learnerAndCourseNamed(
  command: Command,
  first: string | undefined,
  second: string | undefined,
  options: NamedOptions,
): { learner: LearnerRef; courseId: string } {
  const { username, email, userId, course } = options
  const isNamedByOption = [username, email, userId].some((name) => name !== undefined)
  // A lone argument beside an option for the learner is the course run.
  const [name, key] = isNamedByOption && second === undefined ? [undefined, first] : [first, second]
  const learner = learnerNamed(command, name, options)
  const [courseId, ...more] = [key, course].flatMap((each) => each ?? [])
  if (courseId !== undefined && more.length === 0) return { learner, courseId }
  return command.error('error: name the course run once: as the argument after the learner, or by --course', {
    exitCode: 2,
  })
}
