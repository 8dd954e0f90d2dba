package interop;

/** Asks our side for something and says in one sentence what it saw. */
record Check(String name, Step step) {

    interface Step {
        String run() throws Exception;
    }

    interface Call {
        Object run() throws Exception;
    }

    static void expect(String what, Object got, Object want) {
        if (!got.equals(want)) {
            throw new AssertionError(what + ": got " + got + ", want " + want);
        }
    }

    /** The outcome of a step that must fail, and for this reason: a failure for another one proves nothing. */
    static String refused(String reason, Call call) {
        try {
            call.run();
        } catch (Exception error) {
            String why = explain(error);
            if (!why.contains(reason)) {
                throw new AssertionError("refused for another reason than " + reason + ": " + why, error);
            }
            return why;
        }
        throw new AssertionError("was accepted");
    }

    /** An error with all its causes, on one line. */
    static String explain(Throwable error) {
        StringBuilder text = new StringBuilder();
        for (Throwable each = error; each != null; each = each.getCause()) {
            if (text.length() > 0) {
                text.append(": ");
            }
            text.append(each.getMessage() == null ? each.getClass().getSimpleName() : each.getMessage());
        }
        return text.toString().replaceAll("\\s+", " ");
    }
}
