// What this room needs of a logger; pino's fits.

export interface WarnLog {
  warn(bindings: object, message: string): void;
}
