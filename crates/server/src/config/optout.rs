//! The words with which people stop and start messages, unless the owner has their own.

/// What people write in one language.
pub(super) struct Language {
    pub(super) name: &'static str,
    /// Separated by commas.
    pub(super) stop: &'static str,
    /// Separated by commas.
    pub(super) start: &'static str,
}

macro_rules! languages {
    ($first:literal, $first_stop:literal, $first_start:literal;
     $($name:literal, $stop:literal, $start:literal;)*) => {
        /// Every word that stops, as the environment would have it.
        pub(super) const STOP_WORDS: &str = concat!($first_stop $(, ",", $stop)*);

        /// Every word that starts again.
        pub(super) const START_WORDS: &str = concat!($first_start $(, ",", $start)*);

        pub(super) const LANGUAGES: &[Language] = &[
            Language { name: $first, stop: $first_stop, start: $first_start },
            $(Language { name: $name, stop: $stop, start: $start },)*
        ];
    };
}

// A word belongs here when whoever sends it alone, accents and case aside, hardly means anything
// else, in any language: French "Dur !" (tough) keeps out Turkish "dur" (stop), Vietnamese "đúng"
// (right) "dừng" (stop) and the name Huy "hủy" (cancel). Words for cancelling alone are about
// orders, but for Turkish "iptal", which operators have taught people; cries of delight ("arrête !",
// "די", "やめて") are no wish. Owners may list all of them. Languages may share words.
languages! {
    "English",
        "stop,stop all,stopall,stop messages,unsubscribe,unsubscribe me,unsub,opt out,opt-out,optout,quit",
        "start,unstop,restart,resubscribe,opt in,opt-in,optin";
    "German",
        "stopp,abmelden,abbestellen,abmeldung,austragen,aufhören,aufhoeren,keine Nachrichten mehr",
        "starten,anmelden,wieder anmelden,fortsetzen";
    "French",
        "arrêt,arrêter,arrêtez,désabonner,désabonnement,se désabonner,me désabonner,désinscrire,désinscription,désinscrivez-moi",
        "démarrer,commencer,reprendre,réabonner,s'abonner,m'abonner";
    "Spanish",
        "parar,baja,darme de baja,darse de baja,dar de baja,cancelar suscripción,desuscribir,desuscribirme,detener",
        "iniciar,alta,darme de alta,empezar,comenzar,reanudar,suscribirme";
    "Portuguese",
        "parar,pare,parem,sair,descadastrar,desinscrever,cancelar inscrição,cancelar assinatura,remover",
        "iniciar,começar,voltar a receber,retomar,inscrever";
    "Italian",
        "ferma,fermati,disiscriviti,disiscrivimi,disiscrizione,cancellami,annulla iscrizione,cancella iscrizione",
        "inizia,iniziare,avvia,ricomincia,riprendi,iscrivimi";
    "Dutch",
        "afmelden,uitschrijven,stoppen,afmelding,geen berichten meer",
        "beginnen,aanmelden,inschrijven,hervatten";
    "Polish",
        "rezygnuję,rezygnacja,wypisz,wypisz mnie,wyrejestruj,przestań,przestańcie",
        "wznów,rozpocznij,zacznij,zapisz mnie";
    "Turkish",
        "iptal,durdur,abonelikten çık,abonelikten çıkar,üyelikten çık,mesaj istemiyorum",
        "başlat,başla,yeniden başlat,abone ol";
    "Russian",
        "стоп,отписаться,отписка,отпишите,отпишите меня,прекратите,не пишите,не пишите мне",
        "старт,начать,возобновить,подписаться";
    "Ukrainian",
        "стоп,відписатися,відписатись,відпишіть,відпишіть мене,припиніть,зупинити,не пишіть,не пишіть мені",
        "старт,почати,розпочати,відновити,підписатися,підписатись";
    "Greek",
        "στοπ,σταμάτα,σταματήστε,διακοπή,διαγραφή,απεγγραφή,κατάργηση εγγραφής",
        "έναρξη,ξεκίνα,ξεκινήστε,εγγραφή";
    "Arabic",
        "إيقاف,توقف,توقفوا,أوقف,أوقفوا,قف,ستوب,إلغاء الاشتراك,الغي الاشتراك,إيقاف الرسائل,لا ترسلوا",
        "ابدأ,بدء,استئناف,اشتراك,اشترك";
    "Hebrew",
        "הסר,הסרה,הסירו,הסירו אותי,תסירו אותי,להסרה,עצור,עצרו,לעצור,להפסיק,תפסיקו,סטופ,ביטול הרשמה",
        "התחל,התחלה,להתחיל,סטארט,הצטרף,הצטרפות";
    "Hindi",
        "रोकें,रोको,बंद करो,बंद करें,बन्द करो,बन्द करें,स्टॉप,हटाएं,सदस्यता समाप्त करें,मैसेज बंद करो,band karo,roko",
        "शुरू,शुरू करो,शुरू करें,चालू करो,चालू करें,स्टार्ट,shuru karo";
    "Indonesian",
        "berhenti,hentikan,unreg,berhenti langganan,batal langganan,batalkan langganan,jangan kirim lagi",
        "mulai,mulai lagi,lanjutkan,langganan lagi";
    "Thai",
        "หยุด,หยุดค่ะ,หยุดครับ,หยุดส่ง,หยุดส่งข้อความ,เลิกรับข้อความ,ยกเลิกรับข้อความ,ไม่รับข้อความ,ยกเลิกการสมัคร",
        "เริ่ม,เริ่มค่ะ,เริ่มครับ,เริ่มใหม่,รับข้อความ,รับข้อความอีกครั้ง";
    "Vietnamese",
        "dừng lại,ngừng,ngừng gửi,hủy đăng ký,hủy nhận tin,từ chối nhận tin,không nhận tin",
        "bắt đầu,bắt đầu lại,tiếp tục nhận tin,đăng ký lại";
    "Japanese",
        "停止,配信停止,配信解除,購読解除,登録解除,解除,中止,ストップ,退会,送らないで,送らないでください,やめてください",
        "開始,再開,配信再開,購読再開,スタート,登録";
    "Korean",
        "중지,중단,정지,그만,그만 보내세요,수신거부,수신 거부,구독취소,구독 취소,구독해지,구독 해지,스톱",
        "시작,다시 시작,재개,수신동의,수신 동의,구독,스타트";
    "Chinese",
        "停止,停止发送,停止發送,退订,退訂,取消订阅,取消訂閱,不要再发,不要再發,别再发了,別再發了",
        "开始,開始,恢复,恢復,恢复订阅,恢復訂閱,重新订阅,重新訂閱,订阅,訂閱";
    "Swedish, Danish, Czech, Hungarian, Romanian",
        "avsluta,avregistrera,afmeld,odhlásit,leiratkozás,dezabonare",
        "starta,začít,indítás,pornește";
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use hookline_model::matching::NormalizedText;

    use super::*;

    fn heard(list: &str) -> Vec<String> {
        let words = |word| NormalizedText::new(word).words().to_owned();
        list.split(',').map(words).collect()
    }

    #[test]
    fn no_word_stops_and_starts() {
        let stop: BTreeSet<String> = heard(STOP_WORDS).into_iter().collect();
        let start: BTreeSet<String> = heard(START_WORDS).into_iter().collect();
        assert_eq!(stop.intersection(&start).collect::<Vec<_>>(), [""; 0]);
        assert!(stop.contains("stop") && start.contains("start"));
    }

    #[test]
    fn every_language_has_each_word_once_however_it_is_written() {
        for language in LANGUAGES {
            for list in [language.stop, language.start] {
                let mut counts: BTreeMap<String, usize> = BTreeMap::new();
                for word in heard(list) {
                    assert!(!word.is_empty(), "{}", language.name);
                    *counts.entry(word).or_default() += 1;
                }
                counts.retain(|_, count| *count > 1);
                assert!(counts.is_empty(), "{}: {counts:?}", language.name);
            }
        }
    }

    #[test]
    fn what_people_say_for_other_reasons_is_no_word() {
        let stop = heard(STOP_WORDS);
        for innocent in [
            "ok",
            "no",
            "nein",
            "non",
            "dur",
            "đúng",
            "Dung",
            "Huy",
            "basta",
            "hasta",
            "cancel",
            "end",
            "cancelar",
            "para",
            "alto",
            "fin",
            "arrête",
            "arrêté",
            "bitte",
            "danke",
            "tack",
            "td",
            "tudo",
            "די",
            "يا",
            "لا",
            "хватит",
            "нет",
            "やめて",
            "取消",
            "취소",
            "ยกเลิก",
            "बंद है",
            "batal",
            "ret",
            "red",
            "link",
            "info",
            "👍",
            "🙏",
        ] {
            let [said] = &heard(innocent)[..] else {
                unreachable!("one word each")
            };
            assert!(!stop.contains(said), "{innocent}");
        }
    }
}
