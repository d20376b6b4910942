// Elastic's own grok library as an oracle: a request a line on stdin, an answer a line on stdout.
//
// Goes in: `bank BANK`, `pattern BANK EXPRESSION`, `line TEXT`; BANK is `legacy` or `ecs-v1`, the other words are UTF-8
// in hexadecimal digits, with a hyphen before them so that nothing is a word as well. Comes out: the bank's pattern
// files one behind the other, in the same digits; `ok` or `error MESSAGE`; `none`, `timeout`, or `match` and a word
// FIELD@FROM-TO for each capture in the order of the groups, in bytes, fields in digits as above. A line is matched
// with the last pattern.

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Enumeration;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import org.elasticsearch.grok.Grok;
import org.elasticsearch.grok.GrokBuiltinPatterns;
import org.elasticsearch.grok.MatcherWatchdog;
import org.elasticsearch.grok.PatternBank;
import org.joni.NameEntry;
import org.joni.Region;

public class Oracle {
    /** A line that keeps the library busy for longer has no answer. */
    private static final long MILLISECONDS_MAX = 200;

    private final MatcherWatchdog watchdog;
    private Grok grok;
    /** The field of each group; null for groups without one. */
    private String[] fields = {};

    private Oracle(ScheduledExecutorService clock) {
        watchdog = MatcherWatchdog.newInstance(
            MILLISECONDS_MAX / 4,
            MILLISECONDS_MAX,
            () -> System.nanoTime() / 1_000_000,
            (delay, task) -> clock.schedule(task, delay, TimeUnit.MILLISECONDS)
        );
    }

    public static void main(String[] arguments) throws IOException {
        ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor(task -> {
            Thread thread = new Thread(task);
            thread.setDaemon(true);
            return thread;
        });
        Oracle oracle = new Oracle(clock);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII), 1 << 16);
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.US_ASCII);
        for (String request = in.readLine(); request != null; request = in.readLine()) {
            out.println(oracle.answer(request.split(" ")));
            if (!in.ready()) {
                out.flush();
            }
        }
        out.flush();
    }

    private String answer(String[] words) throws IOException {
        return switch (words[0]) {
            case "bank" -> bank(words[1]);
            case "pattern" -> compile(bankOf(words[1]), text(words[2]));
            case "line" -> match(text(words[1]).getBytes(StandardCharsets.UTF_8));
            default -> throw new IOException("unknown request " + words[0]);
        };
    }

    private static PatternBank bankOf(String name) {
        return GrokBuiltinPatterns.get(name.equals("ecs-v1"));
    }

    /** The files as they lie in the library's archive. */
    private static String bank(String name) throws IOException {
        String archive = Grok.class.getProtectionDomain().getCodeSource().getLocation().getPath();
        TreeMap<String, byte[]> files = new TreeMap<>();
        try (JarFile jar = new JarFile(archive)) {
            for (Enumeration<JarEntry> entries = jar.entries(); entries.hasMoreElements();) {
                JarEntry entry = entries.nextElement();
                if (entry.getName().startsWith("patterns/" + name + "/") && !entry.isDirectory()) {
                    files.put(entry.getName(), jar.getInputStream(entry).readAllBytes());
                }
            }
        }
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (byte[] file : files.values()) {
            all.write(file);
            all.write('\n');
        }
        return "-" + HexFormat.of().formatHex(all.toByteArray());
    }

    private String compile(PatternBank bank, String expression) {
        try {
            grok = new Grok(bank, expression, watchdog, warning -> {});
        } catch (RuntimeException error) {
            return "error " + digits(String.valueOf(error.getMessage()));
        }
        fields = new String[grok.getCompiledExpression().numberOfCaptures() + 1];
        if (grok.getCompiledExpression().numberOfNames() > 0) {
            for (Iterator<NameEntry> names = grok.getCompiledExpression().namedBackrefIterator(); names.hasNext();) {
                NameEntry entry = names.next();
                // The library names a group as the reference is written: NAME:FIELD:TYPE.
                String name = new String(entry.name, entry.nameP, entry.nameEnd - entry.nameP, StandardCharsets.UTF_8);
                String[] parts = name.split(":");
                for (int group : entry.getBackRefs()) {
                    fields[group] = parts.length == 1 ? parts[0] : parts[1];
                }
            }
        }
        return "ok";
    }

    private String match(byte[] line) {
        List<String> words = new ArrayList<>();
        boolean matches;
        try {
            matches = grok.match(line, 0, line.length, (bytes, offset, region) -> note(region, words));
        } catch (RuntimeException interrupted) {
            return "timeout";
        }
        return matches ? "match" + String.join("", words) : "none";
    }

    private void note(Region region, List<String> words) {
        for (int group = 1; group < fields.length && group < region.beg.length; group++) {
            if (fields[group] != null && region.beg[group] >= 0) {
                words.add(" " + digits(fields[group]) + "@" + region.beg[group] + "-" + region.end[group]);
            }
        }
    }

    private static String digits(String text) {
        return "-" + HexFormat.of().formatHex(text.getBytes(StandardCharsets.UTF_8));
    }

    private static String text(String word) {
        return new String(HexFormat.of().parseHex(word.substring(1)), StandardCharsets.UTF_8);
    }
}
