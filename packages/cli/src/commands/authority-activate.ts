import { authorityStep } from './authority-step.ts'

export const addAuthorityActivate = authorityStep({
  name: 'activate',
  does: 'sign with a prepared key from now on',
  force: 'do not wait until everyone can know it: what it signs may be refused for a while',
})
