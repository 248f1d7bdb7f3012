package csvfile

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// activeWord reads a cell that says whether a person is active, as the languages of Europe and some others write it, and the
// spreadsheets in these languages. A word that is not here is not guessed at.
func activeWord(s string) (active, ok bool) {
	switch strings.ToLower(norm.NFC.String(s)) {
	case "1", "true", "t", "yes", "y", "on", "active", "enabled", "employed", "current",
		"ja", "j", "wahr", "aktiv", "aktiviert", // German, Danish, Norwegian, Swedish
		"oui", "o", "vrai", "actif", "activé", "activée", // French
		"si", "sí", "sì", "s", "verdadero", "vero", "activo", "activa", "attivo", "attiva", // Spanish, Italian
		"sim", "verdadeiro", "ativo", "ativa", // Portuguese
		"waar", "actief", "sand", "sant", "kyllä", "tosi", "aktiivinen", // Dutch, Danish, Swedish, Finnish
		"tak", "prawda", "aktywny", "aktywna", "ano", "pravda", "aktivní", "áno", "aktívny", // Polish, Czech, Slovak
		"igen", "igaz", "aktív", "da", "adevărat", "adevarat", "activ", "evet", "doğru", "etkin", // Hungarian, Romanian, Turkish
		"да", "истина", "активен", "активный", "так", "активний", "ναι", "αληθές", "ενεργός", // Russian, Ukrainian, Greek
		"はい", "有効", "在籍", "是", "在职", "예", "재직": // Japanese, Chinese, Korean
		return true, true
	case "0", "false", "f", "no", "n", "off", "inactive", "disabled", "terminated", "deactivated",
		"nein", "falsch", "inaktiv", "deaktiviert", "nej", "nei", "ausgetreten",
		"non", "faux", "inactif", "désactivé", "désactivée",
		"falso", "inactivo", "inactiva", "inattivo", "inattiva", "inativo", "inativa",
		"não", "nao", "nee", "onwaar", "inactief", "falsk", "falskt", "ei", "epätosi",
		"nie", "fałsz", "nieaktywny", "nieaktywna", "ne", "nepravda", "neaktivní", "neaktívny",
		"nem", "hamis", "inaktív", "nu", "fals", "inactiv", "hayır", "yanlış", "pasif",
		"нет", "ложь", "неактивен", "неактивный", "ні", "неактивний", "όχι", "ψευδές", "ανενεργός",
		"いいえ", "無効", "退職", "否", "离职", "아니오", "퇴직":
		return false, true
	}
	return false, false
}
