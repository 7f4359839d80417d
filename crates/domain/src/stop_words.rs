//! The words by which a person leaves or comes back.

/// What an inbound text asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Do not write to me any more.
    Stop,
    /// You may write to me again.
    Start,
}

/// Stop words; the whole message must be one of them, so that "don't stop" is not a farewell. English carrier words first, then
/// the plain word for it in the languages WhatsApp business traffic is mostly written in.
const STOP: &[&str] = &[
    "stop",
    "stopall",
    "stop all",
    "unsubscribe",
    "cancel",
    "end",
    "quit",
    "opt out",
    "optout",
    "opt-out", // en
    "parar",
    "pare",
    "sair",
    "cancelar",
    "descadastrar", // pt
    "baja",
    "alto",
    "darse de baja",
    "no más",
    "no mas", // es
    "arret",
    "arrêt",
    "arrêter",
    "désabonner", // fr
    "stopp",
    "abmelden",
    "abbestellen", // de
    "berhenti",    // id
    "dur",
    "iptal", // tr
    "стоп",
    "отписаться", // ru
    "توقف",
    "إلغاء", // ar
    "रोकें",
    "बंद करो", // hi
    "annulla",
    "fermati", // it
];

/// Start words.
const START: &[&str] = &[
    "start",
    "unstop",
    "subscribe",
    "opt in",
    "optin",
    "opt-in", // en
    "iniciar",
    "comecar",
    "começar",
    "voltar",
    "alta", // pt, es
    "reprendre",
    "anmelden",
    "mulai",
    "başla",
    "basla",
    "старт",
    "ابدأ",
    "शुरू",
    "riprendi",
];

/// What the text asks for, if it is nothing but a stop or start word, in any case and with any punctuation around it.
pub fn wish(text: &str) -> Option<Wish> {
    if text.len() > 64 {
        return None;
    }
    let word = text.trim_matches(around_a_word).to_lowercase();
    if STOP.contains(&word.as_str()) {
        Some(Wish::Stop)
    } else if START.contains(&word.as_str()) {
        Some(Wish::Start)
    } else {
        None
    }
}

/// Spaces and punctuation. Not "everything that is no letter": the vowel signs that end many Hindi words are marks.
fn around_a_word(c: char) -> bool {
    c.is_whitespace() || c.is_ascii_punctuation() || "«»„“”‘’…¡¿。！".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_message_counts() {
        for (text, expected) in [
            ("STOP", Some(Wish::Stop)),
            (" Stop. ", Some(Wish::Stop)),
            ("«стоп»!", Some(Wish::Stop)),
            ("PARAR", Some(Wish::Stop)),
            ("Arrêt", Some(Wish::Stop)),
            ("start", Some(Wish::Start)),
            ("don't stop", None),
            ("please stop by at noon", None),
            ("", None),
        ] {
            assert_eq!(wish(text), expected, "{text}");
        }
    }

    #[test]
    fn no_word_means_both() {
        for word in STOP {
            assert_eq!(wish(word), Some(Wish::Stop), "{word}");
        }
        for word in START {
            assert_eq!(wish(word), Some(Wish::Start), "{word}");
        }
    }
}
