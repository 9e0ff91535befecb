<?php
// A client as mail systems write them: built from the description, one call
// after the other. It ends with 1 at the first thing that is not as it should.
[, $url, $login, $secret, $letter, $step] = $argv;

function must(bool $is, string $what, mixed $seen = null): void
{
    if (!$is) {
        fwrite(STDERR, $what . "\n" . print_r($seen, true));
        exit(1);
    }
}

$client = new SoapClient($url . '?wsdl', [
    'login' => $login, 'password' => $secret, 'location' => $url, 'exceptions' => true, 'trace' => true,
    'features' => 0, // a single element is no array: as the clients have it
]);
$id = 'PHP 1 é';

if ($step === 'send') {
    must(str_contains($client->echo('Été à Noël'), 'Été à Noël'), 'echo');
    $types = $client->GetListeTypes();
    must(in_array('Courrier simple', (array) $types->TypeTechnique, true), 'types', $types);
    $sub = $client->GetListeSousTypes('Courrier simple');
    must(in_array('courrier-simple', (array) $sub->SousType, true), 'sub-types', $sub);
    $made = $client->CreerDossier([
        'TypeTechnique' => 'Courrier simple', 'SousType' => 'courrier-simple', 'DossierID' => $id, 'DossierTitre' => 'Titre & titre',
        'DocumentPrincipal' => ['_' => file_get_contents($letter), 'contentType' => 'application/pdf'], 'NomDocPrincipal' => 'lettre.pdf',
        'VisuelPDF' => null, 'Visibilite' => 'SERVICE', 'DateLimite' => '2026-12-24',
        'MetaData' => ['MetaDonnee' => [['nom' => 'destinataire', 'valeur' => 'Mme Aubry']]],
    ]);
    must($made->MessageRetour->codeRetour === 'OK' && $made->DossierID === $id, 'CreerDossier', $made);
    exit(0);
}

$history = $client->GetHistoDossier($id);
must(is_array($history->LogDossier), 'LogDossier is no array', $history);
$last = end($history->LogDossier)->status;
if ($step === 'wait') {
    must($last === 'NonLu', 'last line', $history);
    $late = $client->ArchiverDossier(['DossierID' => $id, 'ArchivageAction' => 'EFFACER']);
    must($late->MessageRetour->codeRetour === 'KO', 'erased on its way', $late);
    exit(0);
}
must($last === 'Archive', 'last line', $history);
$all = $client->GetDossier($id);
must($all->DossierID === $id, 'DossierID', $all->DossierID);
must(str_contains($all->DocPrincipal->_, '/ByteRange'), 'the letter is not signed');
must(is_array($all->DocumentsAnnexes->DocAnnexe), 'DocAnnexe is no array');
must(end($all->DocumentsAnnexes->DocAnnexe)->nom === 'bordereau.pdf', 'the slip is not last');
$done = $client->ArchiverDossier(['DossierID' => $id, 'ArchivageAction' => 'EFFACER']);
must($done->MessageRetour->codeRetour === 'OK', 'EFFACER', $done);
$gone = $client->GetDossier($id);
must($gone->MessageRetour->codeRetour === 'KO', 'still there', $gone);
